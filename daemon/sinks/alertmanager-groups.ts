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

interface Member {
  readonly key: string;
  readonly alert: AlertMessage;
  /** The alert as it is to be told. */
  readonly encoded: string;
}

interface Ended {
  readonly postable: PostableAlert;
  readonly untilMs: number;
}

/** A group of labels, as it is sent. */
export interface GroupMessage {
  readonly key: string;
  readonly postable: PostableAlert;
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

  /** The alert fires, or goes on with the same labels. */
  join(alert: AlertMessage, encoded: string): void {
    const key = this.keyOf(alert);
    this.#members.set(alert.id, { key, alert, encoded });
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

  /** All that is to be told now. */
  messages(nowMs: number): readonly GroupMessage[] {
    const firing = [...this.#groups].flatMap(([key, ids]) => {
      const members = [...ids].flatMap((id) => this.#members.get(id) ?? []);
      const [first] = members;
      if (first === undefined) {
        return [];
      }
      const postable = postableAlert(first.alert, nowMs, this.#node, members.length - 1);
      const starts = members.map(({ alert }) => alert.fireTime || alert.startTime).filter((start) => start !== '');
      return [{ key, postable: { ...postable, startsAt: starts.sort()[0] ?? postable.startsAt } }];
    });
    const ended = [...this.#ended]
      .filter(([, { untilMs }]) => untilMs >= nowMs)
      .map(([key, { postable }]) => ({ key, postable }));
    return [...firing, ...ended];
  }
}
