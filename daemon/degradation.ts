/** What a daemon misses whose sensor polls instead of using BPF: why, what that costs, and what would mend it. */
import { countWords } from './core/format-words.js';
import type { Degradation } from './core/ports.js';
import type { ModeReport, ReachReport } from './core/sensor-records.js';
import type { SensorIntroduction } from './sensor/sensor-session.js';

type Introduced = Pick<SensorIntroduction, 'mode' | 'features'>;

/** Why it polls. Where BPF cannot be had, the sensor says what would give it. */
function becauseOf({ code, reason }: ModeReport): string {
  if (code === null) {
    return 'it was told so (sensor.mode: polling, --sensor-mode, or --mode of stuckd-sensor); auto lets it use BPF';
  }
  return reason === '' ? 'it cannot use BPF here' : reason.replace(/\.$/, '');
}

/** What is not known by polling; nothing where the sensor uses BPF. */
export function degradationsOf({ mode, features }: Introduced): readonly Degradation[] {
  return mode.mode === 'polling'
    ? features.filter(({ available }) => !available).map(({ name, loss }) => ({ name, loss }))
    : [];
}

/** Why the sensor polls; null where it uses BPF. */
export function pollingSentence({ mode }: Introduced): string | null {
  return mode.mode === 'polling'
    ? `degraded: the sensor polls (sock_diag, /proc) instead of using BPF: ${becauseOf(mode)}`
    : null;
}

/** The same with what that costs. */
export function degradedSentence(introduced: Introduced): string | null {
  const sentence = pollingSentence(introduced);
  if (sentence === null) {
    return null;
  }
  const lost = degradationsOf(introduced).map(({ name }) => name);
  const costs = lost.length === 0 ? 'it sees less, and later' : `not known that way: ${lost.join(', ')}`;
  return `${sentence}; ${costs}`;
}

/** What the last sweep of a polling sensor could not look into, a sentence each. */
function closedDoors({ namespaces, closedNamespaces, closedProcesses }: ReachReport): readonly string[] {
  const found: string[] = [];
  if (closedNamespaces > 0) {
    const all = countWords(namespaces + closedNamespaces, 'network namespace', 'network namespaces');
    found.push(
      `degraded: ${closedNamespaces} of ${all} cannot be entered, and what is stuck in there is not seen; ` +
        'polling enters them with CAP_SYS_ADMIN and CAP_SYS_PTRACE',
    );
  }
  if (closedProcesses > 0) {
    found.push(
      `degraded: the descriptors of ${countWords(closedProcesses, 'process', 'processes')} cannot be read, and their ` +
        'connections have no owner; polling reads them with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH',
    );
  }
  return found;
}

/**
 * What a polling sensor leaves out, a sentence each; none where it uses BPF.
 * @param introduced null while there is no sensor
 * @param reach of its last sweep; null before the first
 */
export function degradedProblems(introduced: Introduced | null, reach: ReachReport | null): readonly string[] {
  const sentence = introduced === null ? null : degradedSentence(introduced);
  return sentence === null ? [] : [sentence, ...(reach === null ? [] : closedDoors(reach))];
}
