/** Decides whether one process's alerts about its peers are told as one, and lets that one live. */
import { wakeBy, type AlertStep, type Crowd, type CrowdPart } from './alert-state.js';
import { contentOfCrowd } from './content.js';
import { forgetIfEmpty, isCrowded, isSparse, partsTold, wakeCrowdBy } from './crowd.js';
import { fingerprintOf } from './fingerprint.js';
import { dampingUs, fire, keepFiringMs, lapse, resolve, ROOM_RECHECK_US, sustain } from './firing.js';
import { workloadIdentity } from './workload-identity.js';

export function evaluateCrowd(step: AlertStep, crowd: Crowd): void {
  crowd.wakeUs = Infinity;
  const wakeUs = crowd.firing === null ? begin(step, crowd) : live(step, crowd);
  forgetIfEmpty(step.state, crowd);
  if (wakeUs < Infinity) {
    wakeCrowdBy(step.state, crowd, wakeUs);
  }
}

/** Begins the one alert, which takes the place of those that fire. @returns when to look again. */
function begin(step: AlertStep, crowd: Crowd): number {
  const { state, nowUs } = step;
  if (!isCrowded(state.config, crowd)) {
    return Infinity;
  }
  crowd.crowdedUs ??= nowUs;
  const parts = partsTold(crowd);
  const fingerprint = fingerprintOfCrowd(crowd);
  const readyUs = crowd.crowdedUs + (crowd.told > 0 ? 0 : dampingUs(state, fingerprint, nowUs));
  if (nowUs < readyUs) {
    return readyUs;
  }
  const content = contentOfCrowd(step, crowd.kind, parts);
  const where = { kind: crowd.kind, peer: null, localPort: 0 };
  crowd.firing = fire(step, where, { fingerprint, key: crowd.key }, content);
  if (crowd.firing === null) {
    state.counters.alertsRefused += crowd.suppressed ? 0 : 1;
    crowd.suppressed = true;
    return nowUs + ROOM_RECHECK_US;
  }
  crowd.suppressed = false;
  wakeTargets(step, parts);
  return sustain(step, crowd.firing, content);
}

function live(step: AlertStep, crowd: Crowd): number {
  const { state, nowUs } = step;
  const { firing, kind } = crowd;
  if (firing === null) {
    return Infinity;
  }
  const keepMs = keepFiringMs(step, kind);
  if (crowd.active === 0) {
    return lapse(step, firing, keepMs) ?? end(step, crowd, true);
  }
  crowd.fewUs = state.settled && isSparse(state.config, crowd) ? (crowd.fewUs ?? nowUs) : null;
  const separateUs = crowd.fewUs === null ? Infinity : crowd.fewUs + keepMs * 1000;
  const parts = partsTold(crowd);
  if (nowUs < separateUs) {
    return Math.min(separateUs, sustain(step, firing, contentOfCrowd(step, kind, parts)));
  }
  end(step, crowd, false);
  for (const { part } of parts) {
    part.group.resumes = true;
  }
  wakeTargets(step, parts);
  return Infinity;
}

function end(step: AlertStep, crowd: Crowd, isEnd: boolean): number {
  if (crowd.firing !== null) {
    resolve(step, crowd.firing, isEnd);
    crowd.firing = null;
    crowd.crowdedUs = null;
    crowd.fewUs = null;
  }
  return Infinity;
}

/** What was told one by one is told as one now, or the other way round. */
function wakeTargets({ state, nowUs }: AlertStep, parts: readonly CrowdPart[]): void {
  for (const { target } of parts) {
    wakeBy(state, target, nowUs);
  }
}

function fingerprintOfCrowd({ kind, parts }: Crowd): string {
  const [first] = parts.keys();
  const { executable = '', workload = null } = first?.facts ?? {};
  return fingerprintOf([kind, 'peers', first?.ownerType ?? '', executable, workloadIdentity(workload)]);
}
