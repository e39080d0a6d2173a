/** What fired when the daemon ended fires on when it starts again, under the same id. */
import type { SavedAlert, SavedAlerts } from './alert-messages.js';
import type { AlertState, AlertStep, Firing, Group } from './alert-state.js';
import { remember } from '../tracker-state.js';
import { resolve } from './firing.js';
import { addGroup, factsAbout, targetFor } from './membership.js';
import type { Target } from './place.js';

/**
 * Takes up alerts as they were. Each fires until its connections are back, which goes on with it, or until everything that
 * is stuck has been seen and they are not.
 */
export function restoreAlerts(step: AlertStep, { alerts, ends }: SavedAlerts, isSameBoot: boolean): void {
  const { state, nowUs, effects } = step;
  for (const [fingerprint, last] of ends) {
    remember(state.ends, fingerprint, last, state.config.maxDamped);
  }
  for (const { alert, target: key, side, netns, subject } of alerts.slice(0, state.config.maxFiring)) {
    const { kind, peer, localPort, process } = alert;
    const firing: Firing = { alert, lapsedUs: null, toldUs: nowUs, restored: true };
    if (!isSameBoot) {
      state.firing++;
      resolve(step, firing, false);
      continue;
    }
    const target = targetFor(state, { key, kind, side, peer: peer && { ...peer, netns }, localPort });
    if (subject === null) {
      target.firing = firing;
    } else {
      const facts = factsAbout(target.target, process?.executable ?? '', process?.workload ?? null);
      addGroup(target, subject, facts, process).firing = firing;
    }
    state.firing++;
    effects.push({ kind: 'restored', timeUs: nowUs, alert });
  }
}

/** Moves all times from one boot's clocks to another's, so that they stay the same as wall time. */
export function onOtherClocks({ alerts, ends }: SavedAlerts, monoShiftUs: number, bootShiftUs: number): SavedAlerts {
  return {
    alerts: alerts.map((saved) => alertOnOtherClocks(saved, monoShiftUs, bootShiftUs)),
    ends: ends.map(([fingerprint, { count, lastUs }]) => [fingerprint, { count, lastUs: lastUs + monoShiftUs }]),
  };
}

function alertOnOtherClocks(saved: SavedAlert, monoShiftUs: number, bootShiftUs: number): SavedAlert {
  const { alert } = saved;
  const { process, earliestGiveUpUs } = alert;
  return {
    ...saved,
    alert: {
      ...alert,
      process: process && { ...process, startBootUs: process.startBootUs + bootShiftUs },
      startUs: alert.startUs + monoShiftUs,
      fireUs: alert.fireUs + monoShiftUs,
      updateUs: alert.updateUs + monoShiftUs,
      earliestGiveUpUs: earliestGiveUpUs === null ? null : earliestGiveUpUs + monoShiftUs,
    },
  };
}

/** @returns what must be on disk so that alerts keep their ids, and are damped as before. */
export function saveableAlerts(state: AlertState): SavedAlerts {
  const saved: SavedAlert[] = [];
  for (const target of state.targets.values()) {
    if (target.firing !== null) {
      saved.push(toSaved(target.firing, target.target, null));
    }
    for (const { firing, subject } of target.groups.values()) {
      if (firing !== null) {
        saved.push(toSaved(firing, target.target, subject));
      }
    }
  }
  return { alerts: saved.sort((a, b) => a.alert.fireUs - b.alert.fireUs), ends: [...state.ends] };
}

function toSaved({ alert }: Firing, { key, side, peer }: Target, subject: Group['subject'] | null): SavedAlert {
  return { alert: { ...alert, connections: [] }, target: key, side, netns: peer?.netns ?? 0, subject };
}
