/**
 * What Alertmanager is to know: which alerts of ours have the same labels there. It is told "resolved" only when the last
 * of them has ended, and for a while again and again, as is "firing" all the time.
 */
import type { AlertMessage } from './alert-message.js';
import { alertLabels, labelsKey, postableAlert, RESEND_INTERVAL_MS, type PostableAlert } from './alertmanager.js';

/** How long "resolved" is repeated: at least 5 min, whenever in an interval the alert ended. */
const RESOLVED_FOR_MS = 5 * 60_000 + RESEND_INTERVAL_MS;

/** Of groups that ended lately. */
const RESOLVED_MAX = 1000;

/** Which state of an alert is told. */
export interface AlertVersion {
  /** `updateUs` of the alert; null: not known, since it is of the last run. */
  readonly updateUs: number | null;
  /** When it was made, milliseconds since 1970. */
  readonly madeMs: number;
}

interface Member extends AlertVersion {
  readonly key: string;
  readonly alert: AlertMessage;
}

interface Ended {
  readonly postable: PostableAlert;
  readonly untilMs: number;
}

export class AlertmanagerGroups {
  readonly #node: string;
  readonly #members = new Map<string, Member>();
  readonly #groups = new Map<string, Set<string>>();
  readonly #ended = new Map<string, Ended>();

  /** @param node name of this machine */
  constructor(node: string) {
    this.#node = node;
  }

  keyOf(alert: AlertMessage): string {
    return labelsKey(alertLabels(alert, this.#node));
  }

  member(alertId: string): Member | undefined {
    return this.#members.get(alertId);
  }

  /** The alert fires, or goes on with the same labels. @param alert without its connections: there may be many of it */
  join(alert: AlertMessage, version: AlertVersion): void {
    const key = this.keyOf(alert);
    this.#members.set(alert.id, { key, alert, ...version });
    const group = this.#groups.get(key) ?? new Set<string>();
    this.#groups.set(key, group.add(alert.id));
    this.#ended.delete(key);
  }

  /** The alert ends, or has other labels from now on. @returns true if no other fires with its labels */
  leave(alertId: string): boolean {
    const member = this.#members.get(alertId);
    if (member === undefined) {
      return false;
    }
    this.#members.delete(alertId);
    const group = this.#groups.get(member.key);
    group?.delete(alertId);
    if (group !== undefined && group.size > 0) {
      return false;
    }
    this.#groups.delete(member.key);
    return true;
  }

  /** The last alert of its labels has ended; this is repeated for a while. */
  noteResolved(alert: AlertMessage, nowMs: number): void {
    this.#ended.set(this.keyOf(alert), {
      postable: postableAlert(alert, nowMs, this.#node),
      untilMs: nowMs + RESOLVED_FOR_MS,
    });
    for (const [key, { untilMs }] of this.#ended) {
      if (untilMs < nowMs || this.#ended.size > RESOLVED_MAX) {
        this.#ended.delete(key);
      }
    }
  }

  /** Of all groups that there may be something to say of. */
  keys(): readonly string[] {
    return [...this.#groups.keys(), ...this.#ended.keys()];
  }

  /** What is to be told of a group now; null: nothing. */
  message(key: string, nowMs: number): PostableAlert | null {
    const members = [...(this.#groups.get(key) ?? [])].flatMap((id) => this.#members.get(id) ?? []);
    const [first] = members;
    if (first === undefined) {
      const ended = this.#ended.get(key);
      return ended === undefined || ended.untilMs < nowMs ? null : ended.postable;
    }
    const postable = postableAlert(first.alert, nowMs, this.#node, members.length - 1);
    const starts = members.map(({ alert }) => alert.fireTime || alert.startTime).filter((start) => start !== '');
    return { ...postable, startsAt: starts.sort()[0] ?? postable.startsAt };
  }
}
