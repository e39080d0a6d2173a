// Proves what is written for a frame (only lines that changed, in one piece), and how often one is drawn: 1,000 changes a
// second make four. Time is simulated.
import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { frameDiff } from '../../../../daemon/cli/top/frame-diff.js';
import { FramePacer } from '../../../../daemon/cli/top/frame-pacer.js';
import { line } from '../../../../daemon/cli/top/line.js';
import { createStyle } from '../../../../daemon/lib/terminal.js';

const SIZE = { columns: 10, lines: 3 };
const PLAIN = createStyle(false);
const frame = (...texts: readonly string[]): Parameters<typeof frameDiff>[1] => ({
  size: SIZE,
  lines: texts.map((text) => line(text)),
});

describe('bytes of a frame', () => {
  test('the first one clears the screen', () => {
    const bytes = frameDiff(null, frame('a', 'b', ''), PLAIN);
    assert.equal(bytes, '\x1b[2J\x1b[1;1Ha\x1b[K\x1b[2;1Hb\x1b[K\x1b[3;1H\x1b[K');
  });

  test('then only what changed', () => {
    assert.equal(frameDiff(frame('a', 'b', 'c'), frame('a', 'x', 'c'), PLAIN), '\x1b[2;1Hx\x1b[K');
    assert.equal(frameDiff(frame('a', 'b', 'c'), frame('a', 'b', 'c'), PLAIN), '');
  });

  test('a full line is not cleared behind its end', () => {
    assert.equal(frameDiff(frame('a', '', ''), frame('0123456789', '', ''), PLAIN), '\x1b[1;1H0123456789');
  });

  test('another look is a change, another size is everything', () => {
    const bold = { size: SIZE, lines: [line('a', 'bold'), line('b'), line('c')] };
    assert.equal(frameDiff(frame('a', 'b', 'c'), bold, createStyle(true)), '\x1b[1;1H\x1b[1ma\x1b[22m\x1b[K');
    const larger = { ...frame('a', 'b', 'c'), size: { columns: 11, lines: 3 } };
    assert.ok(frameDiff(frame('a', 'b', 'c'), larger, PLAIN).startsWith('\x1b[2J'));
  });
});

describe('pace', () => {
  /** Runs for some simulated time. @returns at which milliseconds frames were drawn */
  async function drawn(
    forMs: number,
    eachMs: (pacer: FramePacer, nowMs: number) => void,
    draw = (): Promise<void> => Promise.resolve(),
  ): Promise<readonly number[]> {
    mock.timers.enable({ apis: ['setTimeout'] });
    const frames: number[] = [];
    let nowMs = 10_000;
    const pacer = new FramePacer(
      () => {
        frames.push(nowMs - 10_000);
        return draw();
      },
      () => nowMs,
    );
    try {
      for (let passedMs = 0; passedMs < forMs; passedMs += 1) {
        eachMs(pacer, passedMs);
        mock.timers.tick(1);
        nowMs += 1;
        await Promise.resolve().then(() => Promise.resolve());
      }
    } finally {
      pacer.close();
      mock.timers.reset();
    }
    return frames;
  }

  test('1,000 changes a second: four frames', async () => {
    const frames = await drawn(5000, (pacer) => {
      pacer.changed();
    });
    assert.ok(frames.length >= 19 && frames.length <= 21, frames.join(' '));
  });

  test('nothing happens: once a second, for the clock', async () => {
    const frames = await drawn(5000, (pacer, nowMs) => {
      if (nowMs === 0) {
        pacer.changed();
      }
    });
    assert.ok(frames.length >= 5 && frames.length <= 6, frames.join(' '));
  });

  test('a key is answered at once, a key that is held down 25 times a second', async () => {
    const once = await drawn(1000, (pacer, nowMs) => {
      if (nowMs === 0 || nowMs === 500) {
        pacer.pressed();
      }
    });
    assert.deepEqual(once, [0, 500]);
    const held = await drawn(1000, (pacer) => {
      pacer.pressed();
    });
    assert.ok(held.length >= 23 && held.length <= 26, held.join(' '));
  });

  test('a frame that takes a third of a second is drawn less often', async () => {
    const pending: (() => void)[] = [];
    const slow = (): Promise<void> =>
      new Promise((resolve) => {
        pending.push(resolve);
      });
    let startedMs = 0;
    const frames = await drawn(
      10_000,
      (pacer, nowMs) => {
        pacer.changed();
        if (pending.length === 0) {
          startedMs = nowMs;
        } else if (nowMs - startedMs >= 330) {
          pending.pop()?.();
        }
      },
      slow,
    );
    assert.ok(frames.length >= 5 && frames.length <= 7, frames.join(' '));
  });

  test('a terminal that has not taken a frame gets no other', async () => {
    const never = (): Promise<void> => new Promise(() => undefined);
    const frames = await drawn(5000, (pacer) => pacer.changed(), never);
    assert.equal(frames.length, 1);
  });
});
