/** What each path of the HTTP endpoint answers. */

export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What the pages are about. */
export interface HttpSources {
  /** The text for Prometheus. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Why the daemon is not ready, a sentence each; empty when it is. And what does not work though it is. */
  readonly readiness: () => { readonly notReady: readonly string[]; readonly problems: readonly string[] };
}

const PLAIN = 'text/plain; charset=utf-8';

const LANDING = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>stuckd</title></head>
<body>
<h1>stuckd</h1>
<p>Finds TCP connections that hang. Ask it with <code>stuckctl</code>.</p>
<ul>
<li><a href="/metrics">/metrics</a>: for Prometheus</li>
<li><a href="/healthz">/healthz</a>: whether the process answers</li>
<li><a href="/readyz">/readyz</a>: whether it sees connections, and if not, why</li>
</ul>
</body>
</html>
`;

export function plain(status: number, lines: readonly string[]): Page {
  return { status, contentType: PLAIN, body: `${lines.join('\n')}\n` };
}

function readyz({ notReady, problems }: ReturnType<HttpSources['readiness']>): Page {
  if (notReady.length > 0) {
    return plain(503, ['not ready', ...notReady.map((reason) => `- ${reason}`)]);
  }
  return plain(200, ['ready', ...problems.map((problem) => `- but: ${problem}`)]);
}

/** @param path of the URL, without the query */
export async function pageOf(path: string, sources: HttpSources): Promise<Page> {
  switch (path) {
    case '/':
      return { status: 200, contentType: 'text/html; charset=utf-8', body: LANDING };
    case '/metrics': {
      const { contentType, text } = await sources.metrics();
      return { status: 200, contentType, body: text };
    }
    case '/healthz':
      // That this is answered says that the event loop turns, which is all that a restart could mend.
      return plain(200, ['ok']);
    case '/readyz':
      return readyz(sources.readiness());
    default:
      return plain(404, ['there is /metrics, /healthz and /readyz']);
  }
}
