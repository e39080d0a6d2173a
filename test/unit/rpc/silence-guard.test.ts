// Proves that silence ends a stream, before its first response and after it, and that time which the reader takes for itself
// does not count as silence. The limits are short here; what they are in stuckctl is for the acceptance tests.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { SilenceError, withoutSilence } from '../../../daemon/rpc/silence-guard.js';

/** A call whose responses the test writes; cancelling ends it with an error, as grpc-js does it. */
class FakeCall extends PassThrough {
  cancelled = 0;

  constructor() {
    super({ objectMode: true });
  }

  cancel(): void {
    this.cancelled += 1;
    this.destroy(new Error('1 CANCELLED: Cancelled on client'));
  }

  guarded(firstMs: number, nextMs: number): AsyncGenerator<string> {
    return withoutSilence(this as unknown as ClientReadableStream<string>, { firstMs, nextMs });
  }
}

/** So long that the test would fail on its own before. */
const NEVER_MS = 600_000;

test('no first response', async () => {
  const call = new FakeCall();
  await assert.rejects(call.guarded(20, NEVER_MS).next(), { name: 'SilenceError', message: 'no answer within 0.02 s' });
  assert.equal(call.cancelled, 1);
});

test('silence later', async () => {
  const call = new FakeCall();
  const responses = call.guarded(NEVER_MS, 20);
  call.write('a');
  assert.equal((await responses.next()).value, 'a');
  await assert.rejects(responses.next(), SilenceError);
});

test('a reader that takes its time is no silence', async () => {
  const call = new FakeCall();
  const seen: string[] = [];
  call.write('a');
  call.write('b');
  call.end();
  for await (const response of call.guarded(NEVER_MS, 50)) {
    seen.push(response);
    await delay(150);
  }
  assert.deepEqual([seen, call.cancelled], [['a', 'b'], 0]);
});

test('an error of the call arrives as it is', async () => {
  const call = new FakeCall();
  call.destroy(new Error('14 UNAVAILABLE'));
  await assert.rejects(call.guarded(NEVER_MS, NEVER_MS).next(), { message: '14 UNAVAILABLE' });
});
