/** `stuckd check`: what this kernel and these privileges allow, feature by feature. */
import { type Feature, featureTable } from './check-table.js';
import type { Config } from './config.js';
import type { FeatureReport, ProgramReport, SensorMode } from './core/sensor-records.js';
import { pollingSentence } from './degradation.js';
import { escapeJsonForTerminal } from './lib/terminal.js';
import { VERSION } from './lib/version.js';
import { type PreflightResult, preflight } from './preflight.js';
import { openSensor, sensorConfiguration } from './sensor-configuration.js';
import { type SensorIntroduction, SensorSession } from './sensor/sensor-session.js';

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

function fromPreflight({ name, ok, required, message, loss }: PreflightResult): Feature {
  return { name, available: ok, required, how: message, loss };
}

function fromProgram({ name, attached, required, how, loss }: ProgramReport): Feature {
  const purpose = PURPOSES[name];
  // Where there is more to say than that it is attached, the sensor has said it.
  const explained = how === 'attached' && purpose !== undefined ? `${how}: ${purpose}` : how;
  return { name, available: attached, required, how: explained, loss };
}

function fromFeature({ name, available, how, loss }: FeatureReport): Feature {
  return { name, available, required: false, how, loss };
}

/** Which of the modes the sensor would use, and why not BPF. */
function fromMode(introduction: SensorIntroduction): Feature {
  const degraded = pollingSentence(introduction);
  return {
    name: 'mode',
    available: degraded === null,
    required: false,
    how: degraded ?? 'ebpf: BPF programs and iterators',
    loss: degraded === null ? 'stuckd polls' : 'events as they happen, and what the lines below name',
  };
}

function fromIntroduction(introduction: SensorIntroduction): readonly Feature[] {
  return [fromMode(introduction), ...introduction.programs.map(fromProgram), ...introduction.features.map(fromFeature)];
}

/** A sensor that runs apart serves one daemon at a time, and lets others wait. */
const PATIENCE_MS = 15_000;

/** Why the conversation ended. @param address of a sensor that runs apart, and may let us wait */
async function endOf(session: SensorSession, address: string | undefined, patienceMs: number): Promise<string> {
  const ended = session.run().then(({ reason }) => reason);
  if (address === undefined) {
    return ended;
  }
  let timer: NodeJS.Timeout | undefined;
  const waitedInVain = new Promise<string>((resolve) => {
    timer = setTimeout(() => {
      resolve(
        `the sensor at ${address} does not answer: it serves one daemon at a time, and is at work for another. Ask ` +
          'that one (stuckctl status), or run "stuckd-sensor --check" where the sensor runs',
      );
      session.close();
    }, patienceMs);
  });
  try {
    return await Promise.race([ended, waitedInVain]);
  } finally {
    clearTimeout(timer);
  }
}

/** What came of an attempt; `mode` is null if the sensor did not come up. */
interface Attempt {
  readonly mode: SensorMode | null;
  readonly features: readonly Feature[];
}

/** Starts the sensor as the daemon would, and lets it attach everything. */
async function trySensor(config: Config, patienceMs: number): Promise<Attempt> {
  const features: Feature[] = [];
  let mode: SensorMode | null = null;
  let lastComplaint = '';
  const link = openSensor(config, (line) => {
    lastComplaint = `; it said: ${line}`;
  });
  const session = new SensorSession(link, sensorConfiguration(config), {
    ready: (introduction) => {
      mode = introduction.mode.mode;
      features.push(...fromIntroduction(introduction));
      session.close();
    },
    records: () => undefined,
  });
  const reason = await endOf(session, config.sensor.address, patienceMs);
  if (features.length === 0) {
    const how = reason + lastComplaint;
    const name = config.sensor.mode === 'polling' ? 'polling' : 'BPF programs';
    features.push({ name, available: false, required: true, how, loss: 'nothing is observed' });
  }
  return { mode, features };
}

function verdict(canRun: boolean, mode: SensorMode | null): string {
  if (!canRun) {
    return 'stuckd cannot run here: see MISSING above.';
  }
  return mode === 'polling' ? 'stuckd can run here, degraded: by polling.' : 'stuckd can run here.';
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
  patienceMs = PATIENCE_MS,
): Promise<number> {
  const isSatisfied = ({ available, required }: Feature): boolean => available || !required;
  const features = preflight(config).map(fromPreflight);
  let mode: SensorMode | null = null;
  if (features.every(isSatisfied)) {
    const attempt = await trySensor(config, patienceMs);
    mode = attempt.mode;
    features.push(...attempt.features);
  }
  const canRun = features.every(isSatisfied);
  if (asJson) {
    write(escapeJsonForTerminal(JSON.stringify({ version: VERSION, canRun, mode, features })));
  } else {
    write(`stuckd ${VERSION}`);
    for (const line of featureTable(features, columns)) {
      write(line);
    }
    write(verdict(canRun, mode));
  }
  return canRun ? 0 : 1;
}
