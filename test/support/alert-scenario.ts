/**
 * Plays a story to the alert rules, one line at a time, and compares what they say with what the line expects:
 *
 *     SECOND  INPUT  => EFFECT; EFFECT
 *
 * Before the input of a line, time runs to its second, and whatever time alone decides happens on the way; the effects of
 * a line are those of the way and those of its input. Inputs:
 *
 *     open NAME WORDS | update NAME WORDS | end NAME    records; NAME*40 stands for NAME1 to NAME40
 *     settled                                           every connection has been seen
 *     counted                                           a sweep has counted all connections
 *     restart | reboot                                  the daemon starts anew with what it saved, and no record yet
 *     -                                                 nothing but time
 *
 * WORDS: kind=KIND pid=N (or `each`: another one for each) peer=ADDRESS:PORT in=PORT info orphan unowned gives=SECOND
 * pod=NAME unit=NAME. An effect is `fired WHO WHAT xCOUNT`, with `/TOTAL`, ` info` (severity, where it is not warning),
 * ` silenced`, ` ->RECEIVERS` and ` @SECOND` where they apply.
 */
import assert from 'node:assert/strict';
import type { Alert } from '../../daemon/core/alert.js';
import { type AlertConfig, DEFAULT_ALERT_CONFIG } from '../../daemon/core/alerts/alert-config.js';
import type { AlertEffect, AlertInput } from '../../daemon/core/alerts/alert-messages.js';
import { type AlertState, createAlertState } from '../../daemon/core/alerts/alert-state.js';
import { nextDeadlineUs, step } from '../../daemon/core/alerts/alerts.js';
import { saveableAlerts } from '../../daemon/core/alerts/restore.js';
import { STUCK_KINDS, type StuckKind } from '../../daemon/core/kinds.js';
import type { RecordChange } from '../../daemon/core/ports.js';
import type { Owner, StuckRecord } from '../../daemon/core/record.js';
import { type ConnectionTotals, NO_TOTALS } from '../../daemon/core/totals.js';
import type { Workload } from '../../daemon/core/workload.js';
import { createRecord } from '../unit/rpc/sample-records.js';
import { parseWords, type Words } from './scenario-pairs.js';

export interface AlertScenarioOptions {
  readonly config?: Partial<AlertConfig>;
  readonly totals?: Partial<ConnectionTotals>;
  /** What is true of every record at first, as words. */
  readonly records?: string;
}

/** Second 0 of a story: 2026-11-22T12:00:00Z. */
export const STORY_REAL_US = Date.UTC(2026, 10, 22, 12) * 1000;
const STORY_MONO_US = 1_000_000_000;
const US = 1_000_000;

/** @returns the player, for whatever a test wants to see after the story. */
export function playAlerts(story: string, options: AlertScenarioOptions = {}): AlertPlayer {
  const player = new AlertPlayer(options);
  player.playAll(story);
  return player;
}

export class AlertPlayer {
  state: AlertState;
  readonly effects: AlertEffect[] = [];
  /** Whether the wall clock has been set since, microseconds. */
  wallShiftUs = 0;
  totals: ConnectionTotals;
  readonly #initial: string;
  readonly #records = new Map<string, StuckRecord>();
  readonly #workloads = new Map<string, Workload>();
  #nowUs = STORY_MONO_US;
  #pending: string[] = [];

  constructor({ config, totals, records }: AlertScenarioOptions = {}) {
    this.state = createAlertState({ ...DEFAULT_ALERT_CONFIG, ...config });
    this.totals = { ...NO_TOTALS, ...totals };
    this.#initial = records ?? '';
    this.#take({ type: 'settled' });
  }

  playAll(story: string): void {
    for (const line of story.split('\n')) {
      if (line.trim() !== '' && !line.trim().startsWith('#')) {
        this.play(line);
      }
    }
  }

  play(line: string): void {
    const [input = '', expected = ''] = line.split('=>');
    assert.equal(this.unheard(input), expected.trim(), `at: ${line.trim()}`);
  }

  /** A line whose effects a test counts afterwards, as a rule. @returns the effects */
  unheard(input: string): string {
    const [second = '', verb = '', name = '', ...words] = input.trim().split(/\s+/);
    this.runTo(Number(second));
    this.#perform(verb, name, words);
    const said = this.#pending;
    this.#pending = [];
    return said.join('; ');
  }

  /** Lets time pass. */
  runTo(second: number): void {
    const untilUs = STORY_MONO_US + Math.round(second * US);
    for (
      let dueUs = nextDeadlineUs(this.state);
      dueUs !== null && dueUs <= untilUs;
      dueUs = nextDeadlineUs(this.state)
    ) {
      assert.ok(dueUs >= this.#nowUs, 'a deadline in the past would be a loop');
      this.#nowUs = dueUs;
      this.#take({ type: 'tick' });
    }
    this.#nowUs = untilUs;
  }

  configure(config: Partial<AlertConfig>): void {
    this.#take({ type: 'configure', config: { ...this.state.config, ...config } });
  }

  alert(who: string): Alert {
    const effect = this.effects.findLast(({ alert }) => whoText(alert) === who);
    assert.ok(effect !== undefined, `no alert of ${who}`);
    return effect.alert;
  }

  /** Effects of one sort so far. */
  count(kind: AlertEffect['kind']): number {
    return this.effects.filter((effect) => effect.kind === kind).length;
  }

  #perform(verb: string, name: string, words: readonly string[]): void {
    switch (verb) {
      case '-':
        return;
      case 'settled':
      case 'counted':
        this.#take({ type: verb });
        return;
      case 'restart':
      case 'reboot': {
        const saved = saveableAlerts(this.state);
        this.state = createAlertState(this.state.config);
        this.#take({ type: 'restore', saved, isSameBoot: verb === 'restart' });
        return;
      }
      case 'open':
      case 'update':
      case 'end':
        for (const [index, each] of namesOf(name).entries()) {
          this.#change(verb, each, index + 1, words);
        }
        return;
      default:
        assert.fail(`"${verb}" is no input`);
    }
  }

  #change(verb: 'open' | 'update' | 'end', name: string, ordinal: number, words: readonly string[]): void {
    const known = this.#records.get(name);
    const pairs = parseWords([...(known === undefined ? this.#initial.split(/\s+/) : []), ...words], ordinal);
    const base = known ?? this.#blank(name, ordinal);
    const record = { ...base, ...changesOf(pairs, base), ...(verb === 'end' ? { endUs: this.#nowUs } : {}) };
    this.#records.set(name, record);
    this.#learnWorkload(name, pairs);
    const kinds = { open: 'opened', update: 'updated', end: 'ended' } as const;
    const change: RecordChange = { kind: kinds[verb], timeUs: this.#nowUs, record };
    this.#take({ type: 'record', change, workload: this.#workloads.get(name) ?? null });
  }

  #blank(name: string, ordinal: number): StuckRecord {
    const times = { sinceUs: this.#nowUs - US, detectedUs: this.#nowUs };
    return createRecord({ id: name, cookie: BigInt(ordinal), ...times, owner: ownerOf(1), giveUp: null });
  }

  #learnWorkload(name: string, { pod, unit }: Words): void {
    if (pod !== undefined || unit !== undefined) {
      const texts = { cgroup: '', containerId: '', containerRuntime: '', podUid: '', container: pod ? 'app' : '' };
      const names = { pod: pod ?? '', podNamespace: pod ? 'shop' : '', unit: unit ?? '' };
      this.#workloads.set(name, { ...texts, ...names, podLabels: new Map() });
    }
  }

  #take(input: AlertInput): void {
    const nowRealUs = STORY_REAL_US + this.#nowUs - STORY_MONO_US + this.wallShiftUs;
    const surroundings = { nowUs: this.#nowUs, nowRealUs, totals: this.totals };
    for (const effect of step(this.state, input, surroundings)) {
      this.effects.push(effect);
      this.#pending.push(effectText(effect));
    }
  }
}

function namesOf(name: string): string[] {
  const [stem = '', count] = name.split('*');
  return count === undefined ? [stem] : Array.from({ length: Number(count) }, (_, index) => `${stem}${index + 1}`);
}

function ownerOf(pid: number): Owner {
  const comm = `proc${pid}`;
  return { pid, startBootUs: pid * US, comm, executable: '/bin/app', uid: 0, cgroupId: 1n, holders: [] };
}

function changesOf({ kind, pid, peer, in: port, gives, flags }: Words, base: StuckRecord): Partial<StuckRecord> {
  const found = STUCK_KINDS.find((known) => known === kind);
  assert.ok(kind === undefined || found !== undefined, `"${kind ?? ''}" is no kind`);
  const owner = pid === undefined ? base.owner : ownerOf(Number(pid));
  const isOrphan = flags.has('orphan');
  return {
    kind: found ?? base.kind,
    informational: flags.has('info') ? true : flags.has('-info') ? false : base.informational,
    owner: isOrphan || flags.has('unowned') ? null : owner,
    lastOwner: isOrphan ? (owner ?? base.lastOwner) : base.lastOwner,
    ownerType: isOrphan ? 'orphan' : flags.has('unowned') ? 'pending' : owner === null ? base.ownerType : 'process',
    ...(peer === undefined ? {} : { remote: endpointOf(peer) }),
    ...(port === undefined
      ? {}
      : { direction: 'inbound' as const, local: { address: '10.0.0.1', port: Number(port) } }),
    ...(gives === undefined ? {} : { giveUp: givesUpAt(Number(gives)) }),
  };
}

function givesUpAt(second: number): NonNullable<StuckRecord['giveUp']> {
  const timeUs = STORY_MONO_US + second * US;
  const rest = { latestTimeUs: null, retransmitsLeft: 8, expectedError: 'ETIMEDOUT' };
  return { never: false, timeUs, reason: 'tcp_retries2', ...rest };
}

function endpointOf(text: string): { address: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { address: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

function whoText({ process, processCount, connections }: Alert): string {
  if (process !== null) {
    return String(process.pid);
  }
  return processCount > 0 ? `${processCount} processes` : (connections[0]?.ownerType ?? 'nobody');
}

/** Short names of kinds in stories: the whole name, since there is no shorter one that everybody knows. */
function whatText({ kind, peer, localPort }: Alert): string {
  const where = peer === null ? (localPort === 0 ? '' : `<${localPort}`) : `>${peer.address}:${peer.port}`;
  return `${kind satisfies StuckKind}${where}`;
}

function effectText({ kind, timeUs, alert }: AlertEffect): string {
  const total = alert.totalCount === null ? '' : `/${alert.totalCount}`;
  const severity = alert.severity === 'warning' ? '' : ` ${alert.severity}`;
  const silenced = alert.silencedUntilMs === null ? '' : ' silenced';
  const receivers = alert.receivers.length === 0 ? '' : ` ->${alert.receivers.join('+')}`;
  const second = Math.round((timeUs - STORY_MONO_US) / 10_000) / 100;
  return `${kind} ${whoText(alert)} ${whatText(alert)} x${alert.stuckCount}${total}${severity}${silenced}${receivers} @${second}`;
}
