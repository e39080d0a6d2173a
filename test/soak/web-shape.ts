/** Real Node.js programs: kept-alive connections over HTTP and HTTPS, pools that idle, long polls, answers in pieces. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import { expectAtLeast, PORT, SERVER_ADDRESS, type Hosts, type Shape } from './shape.js';

const HTTPS_PORT = 8443;

interface Counts {
  readonly http: number;
  readonly https: number;
  readonly slow: number;
  readonly chunks: number;
  readonly reused: number;
  readonly errors: number;
  readonly lastError: string;
}

const programPath = (name: string): string => join(packageRoot(), 'build/test/soak/programs', `${name}.js`);

/** A key and a certificate that are good for a day and for nobody. */
async function makeCertificate(directory: string): Promise<readonly [string, string]> {
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  const what = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  await runCommand(['openssl', 'req', ...what, '-subj', '/CN=soak', '-keyout', key, '-out', certificate]);
  return [key, certificate];
}

async function startWeb({ lab, client, server }: Hosts): Promise<() => Counts> {
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-soak-'));
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  const files = await makeCertificate(directory);
  const where = [SERVER_ADDRESS, String(PORT), String(HTTPS_PORT)];
  const serving = lab.spawnIn(server, [process.execPath, programPath('web-server'), ...where, ...files]);
  await waitFor(() => serving.lines.includes('listening') || serving.end, { what: 'the web server' });
  const using = lab.spawnIn(client, [process.execPath, programPath('web-client'), ...where]);
  await waitFor(() => using.lines.length > 0 || using.end, { what: 'the web client' });
  return () => {
    const line = using.lines.at(-1);
    if (line === undefined || !using.running || !serving.running) {
      throw new Error(`the programs do not run: ${serving.stderrTail}${using.stderrTail}`);
    }
    return JSON.parse(line) as Counts;
  };
}

export const webShape: Shape = {
  name: 'HTTP and HTTPS, kept alive',
  async start(hosts) {
    const counts = await startWeb(hosts);
    return {
      proof: () => {
        const { http, https, slow, chunks, reused, errors, lastError } = counts();
        if (errors > 0) {
          throw new Error(`${errors} requests failed, the last one: ${lastError}`);
        }
        const parts = [
          expectAtLeast('http', http, 50),
          expectAtLeast('https', https, 50),
          expectAtLeast('on kept connections', reused, 50),
          expectAtLeast('in pieces', chunks, 2),
          `long polls ${slow}`,
        ];
        return Promise.resolve(parts.join(', '));
      },
    };
  },
};
