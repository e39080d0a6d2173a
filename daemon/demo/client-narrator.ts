/** Tells what one client experiences: the first answer, the first sign of trouble, how it gets out of it. */
import { countText, durationText } from '../cli/quantity-text.js';
import { escapeForTerminal } from '../lib/terminal.js';
import type { ClientEvent, ClientKind } from './programs/client-event.js';

/** A request that waits longer is told of. */
const SLOW_MS = 2000;
/** And again after this time. */
const VERY_SLOW_MS = 10_000;

const NO_ANSWER: Readonly<Record<ClientKind, string>> = {
  'no-timeout': 'It has no timeout, so it waits; and as maxSockets is 1, all later requests wait behind it.',
  'with-timeout': 'Its timeout of 5 s is running.',
  agentkeepalive: 'Its timeout of 8 s is running.',
};

const FAILED: Readonly<Record<ClientKind, string>> = {
  'no-timeout': 'The next request opens a new connection.',
  'with-timeout': 'The client destroys the socket and opens a new connection.',
  agentkeepalive: 'The agent destroys the socket and opens a new connection.',
};

export class ClientNarrator {
  readonly #kind: ClientKind;
  #answered = false;
  #waitTold: 'no' | 'slow' | 'very_slow' = 'no';
  #toldError: string | null = null;
  #failures = 0;
  /** Answers since the trouble began. */
  #late = 0;
  #latestMs = 0;
  #waiting = 0;

  constructor(kind: ClientKind) {
    this.#kind = kind;
  }

  /** True while it is served: nothing waits for long and nothing failed since the last answer. */
  get healthy(): boolean {
    return this.#answered && this.#waitTold === 'no' && this.#toldError === null && this.#waiting <= 1;
  }

  /** How it stands, for the line with the clock. */
  get status(): string {
    const parts = [
      ...(this.#waiting > 1 ? [`${this.#waiting} waiting`] : []),
      ...(this.#failures > 0 ? [`${this.#failures} failed`] : []),
    ];
    return `${this.#kind}: ${parts.length === 0 ? 'fine' : parts.join(', ')}`;
  }

  /** @returns the sentences that this event is worth. */
  tell(event: ClientEvent): readonly string[] {
    this.#waiting = event.waiting;
    switch (event.event) {
      case 'response':
        return this.#response(event.ms, event.waiting);
      case 'error':
        return this.#error(event.code, event.ms);
      case 'tick':
        return this.#tick(event.waiting, event.oldestMs);
    }
  }

  #response(ms: number, waiting: number): readonly string[] {
    if (!this.#answered) {
      this.#answered = true;
      return [`gets answers; the first took ${ms} ms.`];
    }
    if (this.#waitTold === 'no' && this.#toldError === null) {
      return [];
    }
    this.#late += 1;
    this.#latestMs = Math.max(this.#latestMs, ms);
    // All that had queued up is answered within moments; the last of them ends the trouble.
    return waiting > 0 ? [] : [this.#servedAgain()];
  }

  #servedAgain(): string {
    const answered = `${countText(this.#late, 'request')} that had waited got an answer`;
    const failed = this.#failures > 0 ? ` ${countText(this.#failures, 'request')} failed.` : '';
    const sentence = `is served again. ${answered}, the oldest after ${durationText(this.#latestMs)}.${failed}`;
    this.#waitTold = 'no';
    this.#toldError = null;
    this.#failures = 0;
    this.#late = 0;
    this.#latestMs = 0;
    return sentence;
  }

  #error(code: string, ms: number): readonly string[] {
    this.#failures += 1;
    if (this.#toldError === code) {
      return [];
    }
    const again = this.#toldError === null ? '' : ' again';
    const what = FAILED[this.#kind];
    this.#toldError = code;
    return [`A request fails${again} after ${durationText(ms)}: ${escapeForTerminal(code)}. ${what}`];
  }

  #tick(waiting: number, oldestMs: number): readonly string[] {
    if (this.#waitTold === 'no' && this.#toldError === null && oldestMs >= SLOW_MS) {
      this.#waitTold = 'slow';
      return [`gets no answer any more. ${NO_ANSWER[this.#kind]}`];
    }
    if (this.#kind === 'no-timeout' && this.#waitTold === 'slow' && oldestMs >= VERY_SLOW_MS) {
      this.#waitTold = 'very_slow';
      return [`still waits: ${countText(waiting, 'request')} by now, the oldest for ${durationText(oldestMs)}.`];
    }
    return [];
  }
}
