/** `stuckd check`: what this kernel and these privileges allow, feature by feature. */
import type { Config } from './config.js';
import { escapeForTerminal, escapeJsonForTerminal, wrapWords } from './lib/terminal.js';
import { VERSION } from './lib/version.js';
import { type PreflightResult, preflight } from './preflight.js';
import { openSensor, sensorConfiguration } from './sensor-configuration.js';
import { SensorSession } from './sensor/sensor-session.js';

/** One line of the answer. */
interface Feature {
  readonly name: string;
  readonly available: boolean;
  readonly required: boolean;
  readonly message: string;
}

const MESSAGE_WIDTH_MIN = 30;

/** What each program is good for, while it works. */
const PURPOSES: Readonly<Record<string, string>> = {
  tcp_retransmit_skb: 'black holes and unanswered SYNs and FINs, as they happen',
  inet_sock_set_state: 'how connections end, and who closed them',
  tcp_destroy_sock: 'when a socket is gone',
  tcp_receive_reset: 'resets by the peer',
  inet_sk_error_report: 'the error that the application gets',
  tcp_send_reset: 'abortive closes',
  tcp_cong_state_set: 'recoveries, as they happen',
  timer_expire_entry: 'unanswered keepalive probes, as they happen',
  refresh: 'following suspects in all network namespaces',
  sweep: 'owners, and connections that were stuck before stuckd came',
};

function fromPreflight(result: PreflightResult): Feature {
  return { name: result.name, available: result.ok, required: result.required, message: result.message };
}

/** Starts the sensor as the daemon would, and lets it attach everything. */
async function tryPrograms(config: Config): Promise<readonly Feature[]> {
  const features: Feature[] = [];
  let lastComplaint = '';
  const link = openSensor(config, (line) => {
    lastComplaint = `; it said: ${line}`;
  });
  const session = new SensorSession(link, sensorConfiguration(config), {
    ready: ({ programs }) => {
      for (const { name, attached, message } of programs) {
        const purpose = PURPOSES[name] ?? '';
        features.push({ name, available: attached, required: false, message: attached ? purpose : message });
      }
      session.close();
    },
    records: () => undefined,
  });
  const end = await session.run();
  if (features.length === 0) {
    features.push({ name: 'BPF programs', available: false, required: true, message: end.reason + lastComplaint });
  }
  return features;
}

function printTable(
  features: readonly Feature[],
  canRun: boolean,
  write: (line: string) => void,
  columns: number,
): void {
  const width = Math.max(...features.map(({ name }) => name.length));
  write(`stuckd ${VERSION}`);
  for (const { name, available, required, message } of features) {
    const mark = available ? 'ok     ' : required ? 'MISSING' : 'without';
    const head = `  ${mark}  ${escapeForTerminal(name).padEnd(width)}  `;
    const lines = wrapWords(escapeForTerminal(message), Math.max(columns - head.length, MESSAGE_WIDTH_MIN));
    write(head + lines.join(`\n${' '.repeat(head.length)}`));
  }
  write(canRun ? 'stuckd can run here.' : 'stuckd cannot run here: see MISSING above.');
}

/**
 * @param columns of the terminal; Infinity for no limit
 * @returns the exit status: 0 if stuckd can run, 1 if not
 */
export async function runCheck(
  config: Config,
  asJson: boolean,
  write: (line: string) => void,
  columns: number,
): Promise<number> {
  const features = preflight(config).map(fromPreflight);
  if (features.every(({ available, required }) => available || !required)) {
    features.push(...(await tryPrograms(config)));
  }
  const canRun = features.every(({ available, required }) => available || !required);
  if (asJson) {
    write(escapeJsonForTerminal(JSON.stringify({ version: VERSION, canRun, features })));
  } else {
    printTable(features, canRun, write, columns);
  }
  return canRun ? 0 : 1;
}
