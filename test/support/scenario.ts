/**
 * Plays a story to the tracker, one line at a time, and compares what the tracker says with what the line expects:
 *
 *     SECOND  INPUT  => EFFECT; EFFECT
 *
 * A socket is a capital letter. What a line says about it stays true until a later line says otherwise, as in a kernel;
 * `once` words hold for that report only. Inputs:
 *
 *     up | up polling | down            the sensor comes, or one that polls: its passes report `polled`; or it goes
 *     tick | deadline                   a tick; what nextDeadlineUs says
 *     lost COUNT                        events that the running sensor had no room for, so far
 *     restart | reboot                  the daemon starts anew with what it saved; after a reboot of the machine
 *     A CAUSE WORDS                     a report of A: retransmit, keepalive, state, error, destroy, ...
 *     begin PASS | end PASS [failed]    a pass: refresh, full, sweep
 *     A held PID/FD PID/FD              descriptors of A, inside a sweep
 *     refresh | full | sweep [A WORDS [held PID/FD ...]]   a whole pass that reports A alone, or nothing
 *
 * A process with a smaller pid is older. WORDS are `key=value` or a flag; `-flag` clears it. `taken=SECOND` is a report
 * that arrives late.
 */
import assert from 'node:assert/strict';
import type { StuckRecord } from '../../daemon/core/record.js';
import { NO_COUNTS } from '../../daemon/core/sensor-records.js';
import { TCP_STATE, type PassKind, type SnapshotCause, type SocketSnapshot } from '../../daemon/core/snapshot.js';
import { DEFAULT_TRACKER_CONFIG, type TrackerConfig } from '../../daemon/core/tracker-config.js';
import type { SavedState, TrackerEffect, TrackerInput } from '../../daemon/core/tracker-messages.js';
import { createTrackerState, type TrackerState } from '../../daemon/core/tracker-state.js';
import { nextDeadlineUs, saveable, step } from '../../daemon/core/tracker.js';
import { parseSocketWords, type SocketWords } from './scenario-words.js';
import { polledOf } from './polled-builder.js';
import { clockAt, EMPTY_PASS, monoUsAt, snapshotAt, TEST_KERNEL, type TestKernel } from './snapshot-builder.js';

export interface ScenarioOptions {
  readonly kernel?: Partial<TestKernel>;
  readonly config?: Partial<TrackerConfig>;
  /** What is true of every socket at first, as words. */
  readonly sockets?: string;
}

const CAUSES: readonly SnapshotCause[] = [
  'retransmit',
  'keepalive',
  'state',
  'error',
  'reset_received',
  'reset_sent',
  'congestion',
  'destroy',
  'refresh',
  'sweep',
  'idle_close',
];
const PASSES: ReadonlyMap<string, PassKind> = new Map([
  ['refresh', 'refresh'],
  ['full', 'refresh_full'],
  ['sweep', 'sweep'],
]);

/** @returns the player, for whatever a test wants to see after the story. */
export function playScenario(story: string, options: ScenarioOptions = {}): ScenarioPlayer {
  const player = new ScenarioPlayer(options);
  for (const line of story.split('\n')) {
    if (line.trim() !== '' && !line.trim().startsWith('#')) {
      player.play(line);
    }
  }
  return player;
}

export class ScenarioPlayer {
  state: TrackerState;
  /** The newest version of the record of each socket. */
  readonly records = new Map<string, StuckRecord>();
  readonly #config: TrackerConfig;
  readonly #initial: string;
  readonly #facts = new Map<string, SocketWords>();
  #kernel: TestKernel;
  #passId = 0;
  /** The sensor that is up polls. */
  #polls = false;

  constructor(options: ScenarioOptions = {}) {
    this.#kernel = { ...TEST_KERNEL, ...options.kernel };
    this.#config = { ...DEFAULT_TRACKER_CONFIG, ...options.config };
    this.#initial = options.sockets ?? '';
    this.state = createTrackerState(this.#config);
  }

  play(line: string): void {
    const [input = '', expected = ''] = line.split('=>');
    const [second = '', ...words] = input.trim().split(/\s+/);
    const effects = this.#perform(Number(second), words);
    assert.equal(effects.join('; '), expected.trim(), `at: ${line.trim()}`);
  }

  #perform(second: number, words: readonly string[]): string[] {
    const [head = '', ...rest] = words;
    const passKind = PASSES.get(head);
    if (passKind !== undefined) {
      return this.#wholePass(second, passKind, rest);
    }
    switch (head) {
      case 'up':
        this.#polls = rest[0] === 'polling';
        return this.#step(second, { type: 'sensor_up', kernel: this.#kernel, clock: clockAt(this.#kernel, second) });
      case 'down':
        return this.#step(second, { type: 'sensor_down' });
      case 'tick':
        return this.#step(second, { type: 'tick' });
      case 'lost':
        return this.#step(second, { type: 'counters', counters: { ...NO_COUNTS, ringDropped: Number(rest[0]) } });
      case 'deadline':
        return [this.#seconds(nextDeadlineUs(this.state))];
      case 'restart':
      case 'reboot':
        return this.#restart(second, head === 'reboot');
      case 'begin':
      case 'end':
        return this.#pass(second, head, PASSES.get(rest[0] ?? ''), rest[1] === 'failed');
      default:
        return this.#socketLine(second, head, rest);
    }
  }

  #socketLine(second: number, name: string, words: readonly string[]): string[] {
    assert.match(name, /^[A-Z]$/, `"${name}" is neither an input nor a socket`);
    const [verb = '', ...rest] = words;
    if (verb === 'held') {
      return this.#held(second, name, rest);
    }
    const cause = CAUSES.find((known) => known === verb);
    assert.ok(cause !== undefined, `"${verb}" is no cause`);
    return this.#report(second, name, cause, rest);
  }

  #wholePass(second: number, kind: PassKind, words: readonly string[]): string[] {
    const [name, ...rest] = words;
    const heldIndex = rest.includes('held') ? rest.indexOf('held') : rest.length;
    const cause = kind === 'sweep' ? 'sweep' : 'refresh';
    return [
      ...this.#pass(second, 'begin', kind, false),
      ...(name === undefined ? [] : this.#report(second, name, cause, rest.slice(0, heldIndex))),
      ...(name === undefined ? [] : this.#held(second, name, rest.slice(heldIndex + 1))),
      ...this.#pass(second, 'end', kind, false),
    ];
  }

  #pass(second: number, edge: 'begin' | 'end', kind: PassKind | undefined, failed: boolean): string[] {
    assert.ok(kind !== undefined, 'a pass is refresh, full or sweep');
    this.#passId += edge === 'begin' ? 1 : 0;
    const monoUs = monoUsAt(this.#kernel, second);
    const pass = { ...EMPTY_PASS, edge, kind, passId: this.#passId, monoUs, error: failed ? 4 : 0 };
    return this.#step(second, { type: 'pass', pass });
  }

  #report(second: number, name: string, cause: SnapshotCause, words: readonly string[]): string[] {
    const known = this.#facts.get(name) ?? parseSocketWords(this.#initial.split(/\s+/), 'sweep', {});
    const facts = parseSocketWords(words, cause, known.lasting);
    this.#facts.set(name, facts);
    const identity = { cookie: BigInt(name.charCodeAt(0) - 'A'.charCodeAt(0) + 1), cause };
    const passId = cause === 'sweep' || cause === 'refresh' ? this.#passId : 0;
    const oldState = cause === 'state' ? (known.lasting.state ?? TCP_STATE.ESTABLISHED) : 0;
    const socket: SocketSnapshot = snapshotAt(this.#kernel, facts.second ?? second, {
      ...identity,
      passId,
      oldState,
      ...facts.lasting,
      ...facts.once,
    });
    return this.#step(
      second,
      this.#polls ? { type: 'polled', polled: polledOf(socket, this.#kernel.hz) } : { type: 'socket', socket },
    );
  }

  #held(second: number, name: string, descriptors: readonly string[]): string[] {
    const effects: string[] = [];
    const cookie = BigInt(name.charCodeAt(0) - 'A'.charCodeAt(0) + 1);
    for (const descriptor of descriptors) {
      const [pid = 0, fd = 0] = descriptor.split('/').map(Number);
      const startBootUs = pid * 1_000_000;
      const passId = this.#passId;
      const comm = `proc${pid}`;
      const process = {
        pid,
        startBootUs,
        parentPid: 1,
        uid: 0,
        cgroupId: 1n,
        comm,
        executable: `/bin/${comm}`,
        passId,
      };
      const holder = { cookie, netns: 4026531840, pid, startBootUs, fd, passId };
      effects.push(...this.#step(second, { type: 'process', process }));
      effects.push(...this.#step(second, { type: 'holder', holder }));
    }
    return effects;
  }

  #restart(second: number, rebooted: boolean): string[] {
    const saved: SavedState | null = saveable(this.state);
    assert.ok(saved !== null, 'nothing to save yet');
    if (rebooted) {
      const bootId = '99999999-0000-0000-0000-000000000000';
      // All clocks but the real one begin anew at this second.
      const [monoUs, bootUs] = [-second * 1_000_000, -second * 1_000_000];
      this.#kernel = { ...this.#kernel, bootId, monoUs, bootUs };
    }
    this.state = createTrackerState(this.#config);
    return this.#step(second, { type: 'restore', saved });
  }

  #step(second: number, input: TrackerInput): string[] {
    return step(this.state, input, monoUsAt(this.#kernel, second)).map((effect) => this.#render(effect));
  }

  #render(effect: TrackerEffect): string {
    switch (effect.type) {
      case 'request_pass':
        return `request ${effect.kind}`;
      case 'watch':
      case 'unwatch':
        return `${effect.type} ${socketName(effect.cookie)}`;
      case 'opened':
      case 'updated':
      case 'ended':
        return this.#renderChange(effect.type, effect.record);
    }
  }

  #renderChange(type: 'opened' | 'updated' | 'ended', record: StuckRecord): string {
    const name = socketName(record.cookie);
    const before = this.records.get(name);
    this.records.set(name, record);
    if (type === 'opened') {
      const since = `since${record.sinceAtLeast ? '>=' : '='}${this.#seconds(record.sinceUs)}`;
      return `${name} opened ${record.kind} ${since} ${ownerText(record)}`;
    }
    if (type === 'ended') {
      return `${name} ended ${record.outcome ?? '?'} at ${this.#seconds(record.endUs)}`;
    }
    return `${name} updated ${before === undefined ? '?' : differences(before, record)}`;
  }

  /** Seconds of the story, to the millisecond. */
  #seconds(monoUs: number | null): string {
    return monoUs === null ? 'none' : String(Math.round((monoUs - this.#kernel.monoUs) / 1000) / 1000);
  }
}

function socketName(cookie: bigint): string {
  return String.fromCharCode('A'.charCodeAt(0) + Number(cookie) - 1);
}

function ownerText({ ownerType, owner, lastOwner }: StuckRecord): string {
  const holders = owner?.holders.map(({ pid, fd }) => `${pid}/${fd}`).join(',') ?? '';
  const last = lastOwner === null ? '' : `(was ${lastOwner.comm})`;
  return (owner === null ? ownerType : `${owner.comm}[${holders}]`) + last;
}

function differences(before: StuckRecord, now: StuckRecord): string {
  const parts: string[] = [];
  for (const field of [
    'kind',
    'state',
    'retransmits',
    'probes',
    'unackedBytes',
    'unsentBytes',
    'unreadBytes',
    'informational',
  ] as const) {
    if (before[field] !== now[field]) {
      parts.push(`${field}=${now[field]}`);
    }
  }
  if (before.acceptQueue?.waiting !== now.acceptQueue?.waiting) {
    parts.push(`waiting=${now.acceptQueue?.waiting ?? 0}`);
  }
  if (before.acceptQueue?.unanswered !== now.acceptQueue?.unanswered) {
    parts.push(`unanswered=${now.acceptQueue?.unanswered ?? 0}`);
  }
  if (ownerText(before) !== ownerText(now)) {
    parts.push(ownerText(now));
  }
  return parts.length === 0 ? 'details' : parts.join(' ');
}
