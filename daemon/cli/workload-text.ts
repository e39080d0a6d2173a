/** What a connection belongs to - pod, container, unit - as short escaped text. */
import { escapeForTerminal, fitWidthMiddle } from '../lib/terminal.js';
import type { Connection } from './connection-text.js';

/** As `docker ps` and `crictl ps` show ids, nearly: enough digits to be given to `--container`. */
const SHORT_ID_LENGTH = 12;
/** Names of pods are long, and what tells them apart stands at both ends. */
const CELL_WIDTH_MAX = 40;

/** `shop/web-7d9c` where the pod is known, else the container, else the unit; empty where there is none of these. */
export function workloadText({ workload }: Connection): string {
  const { pod, podNamespace, containerId, podUid, unit } = workload ?? {};
  if (pod) {
    return escapeForTerminal(`${podNamespace ?? ''}/${pod}`);
  }
  if (containerId) {
    return escapeForTerminal(`container ${containerId.slice(0, SHORT_ID_LENGTH)}`);
  }
  return escapeForTerminal(podUid ? `pod ${podUid}` : (unit ?? ''));
}

/** For a table. */
export function workloadCell(connection: Connection): string {
  return fitWidthMiddle(workloadText(connection), CELL_WIDTH_MAX) || '-';
}

/** For a page: all that is known of it. */
export function workloadFacts({ workload }: Connection): (readonly [name: string, text: string])[] {
  const { pod, podNamespace, podUid, container, containerId, containerRuntime, unit, cgroup } = workload ?? {};
  const join = (parts: readonly (string | null | undefined)[], separator: string): string =>
    parts.filter((part) => part !== null && part !== undefined && part !== '').join(separator);
  const facts: readonly (readonly [string, string])[] = [
    ['pod', join([join([podNamespace, pod], '/'), podUid ? `uid ${podUid}` : ''], ', ')],
    ['container', join([container, containerId, containerRuntime], ', ')],
    ['unit', unit ?? ''],
    ['cgroup', cgroup ?? ''],
  ];
  return facts.filter(([, text]) => text !== '').map(([name, text]) => [name, escapeForTerminal(text)] as const);
}
