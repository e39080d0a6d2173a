/** The life of one alert: it fires, changes, lapses and is resolved. */
import type { Alert } from '../alert.js';
import { remember } from '../tracker-state.js';
import type { AlertContent, AlertState, AlertStep, Firing, TargetState } from './alert-state.js';
import { isChange, isUrgentChange } from './content.js';
import { shortHash } from './fingerprint.js';

/** Digits of wall-clock milliseconds to the base 36, so that ids of one length sort by time until the year 5188. */
const TIME_DIGITS = 9;

const SILENCE_RECHECK_US = 60_000_000;

/** What stays the same of an alert. */
interface Identity {
  readonly fingerprint: string;
  /** Tells it from all others of this node. */
  readonly key: string;
}

/** @returns null if there is no room. */
export function fire(
  step: AlertStep,
  { target }: TargetState,
  { fingerprint, key }: Identity,
  content: AlertContent,
): Firing | null {
  const { state, nowUs, nowRealUs } = step;
  if (state.firing >= state.config.maxFiring) {
    return null;
  }
  const time = Math.floor(nowRealUs / 1000)
    .toString(36)
    .padStart(TIME_DIGITS, '0');
  const alert: Alert = {
    id: `${time}-${shortHash(key)}`,
    fingerprint,
    status: 'firing',
    kind: target.kind,
    peer: target.peer === null ? null : { address: target.peer.address, port: target.peer.port },
    localPort: target.localPort,
    ...content,
    fireUs: nowUs,
    updateUs: nowUs,
    endUs: null,
  };
  state.firing++;
  state.counters.fired++;
  step.effects.push({ kind: 'fired', timeUs: nowUs, alert });
  return { alert, lapsedUs: null, toldUs: nowUs, restored: false };
}

/** Its condition holds. @returns when to look again. */
export function sustain(step: AlertStep, firing: Firing, content: AlertContent): number {
  const { state, nowUs } = step;
  if (firing.restored && !state.settled) {
    return Infinity; // its connections come back one by one
  }
  firing.lapsedUs = null;
  firing.restored = false;
  const { alert } = firing;
  // The first of them may be gone; it is what the alert began with.
  const fresh = { ...content, startUs: Math.min(alert.startUs, content.startUs) };
  const silenceUs = silenceWakeUs(step, fresh);
  if (!isUrgentChange(alert, fresh)) {
    if (!isChange(alert, fresh)) {
      return silenceUs;
    }
    const tellUs = firing.toldUs + state.config.updateIntervalMs * 1000;
    if (nowUs < tellUs) {
      return Math.min(tellUs, silenceUs);
    }
  }
  firing.alert = { ...alert, ...fresh, updateUs: nowUs };
  firing.toldUs = nowUs;
  step.effects.push({ kind: 'updated', timeUs: nowUs, alert: firing.alert });
  return silenceUs;
}

/** The wall clock may be set meanwhile, so the end of a silence is looked for now and then. */
function silenceWakeUs({ nowUs, nowRealUs }: AlertStep, { silencedUntilMs }: AlertContent): number {
  return silencedUntilMs === null ? Infinity : nowUs + Math.min(silencedUntilMs * 1000 - nowRealUs, SILENCE_RECHECK_US);
}

/** Its condition does not hold. @returns when to look again; null if it is time to resolve it. */
export function lapse({ state, nowUs }: AlertStep, firing: Firing, keepFiringMs: number): number | null {
  if (firing.restored && !state.settled) {
    return Infinity; // whether it holds cannot be known yet
  }
  firing.lapsedUs ??= nowUs;
  const endUs = firing.lapsedUs + keepFiringMs * 1000;
  return nowUs < endUs ? endUs : null;
}

/** @param isEnd false where another alert takes its place: then the condition has not come to an end. */
export function resolve(step: AlertStep, { alert }: Firing, isEnd: boolean): void {
  const { state, nowUs } = step;
  state.firing--;
  state.counters.resolved++;
  if (isEnd) {
    noteEnd(state, alert.fingerprint, nowUs);
  }
  const resolved: Alert = { ...alert, status: 'resolved', updateUs: nowUs, endUs: nowUs };
  step.effects.push({ kind: 'resolved', timeUs: nowUs, alert: resolved });
}

function noteEnd({ ends, config }: AlertState, fingerprint: string, nowUs: number): void {
  const before = ends.get(fingerprint);
  const isLate = before === undefined || nowUs - before.lastUs > config.damping.forgetMs * 1000;
  remember(ends, fingerprint, { count: isLate ? 1 : before.count + 1, lastUs: nowUs }, config.maxDamped);
}

/** @returns how long a condition must hold before it fires again; 0 if it has not fired lately. Microseconds. */
export function dampingUs({ ends, config }: AlertState, fingerprint: string, nowUs: number): number {
  const { firstMs, maxMs, forgetMs } = config.damping;
  const last = ends.get(fingerprint);
  return last === undefined || nowUs - last.lastUs > forgetMs * 1000
    ? 0
    : Math.min(firstMs * 2 ** (last.count - 1), maxMs) * 1000;
}
