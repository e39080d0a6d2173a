// Proves when the connection that is looked at is asked for, and what is shown of it when the daemon does not answer.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { FollowedPage } from '../../../../daemon/cli/top/followed-page.js';
import { CallError, type GetResponse } from '../../../../daemon/rpc/grpc-client.js';
import { stuckd } from '../../../../daemon/rpc/gen/stuckd.js';

describe('the connection that is looked at', () => {
  let nowMs = 0;
  let asked: string[] = [];
  let answer: (id: string) => Promise<GetResponse>;
  let followed: FollowedPage;

  const here = (): Promise<GetResponse> => Promise.resolve(stuckd.v1.GetStuckConnectionResponse.create({}));
  const fails = (failure: CallError['failure'], message: string) => (): Promise<never> =>
    Promise.reject(new CallError(failure, message));
  /** @returns what there is to see of it then */
  const shown = (): string => {
    const { id = 'nothing', response = null, problem = '' } = followed.page ?? {};
    return [id, ...(response === null ? [] : ['in full']), ...(problem === '' ? [] : [problem])].join(', ');
  };

  beforeEach(() => {
    nowMs = 0;
    asked = [];
    answer = here;
    const getStuckConnection = (id: string): Promise<GetResponse> => {
      asked.push(id);
      return answer(id);
    };
    followed = new FollowedPage({ getStuckConnection }, () => nowMs);
  });

  test('is asked for every two seconds', async () => {
    assert.equal(await followed.look('a', false), true);
    nowMs = 1999;
    assert.equal(await followed.look('a', false), false);
    nowMs = 2000;
    assert.equal(await followed.look('a', false), true);
    assert.deepEqual(asked, ['a', 'a']);
    assert.equal(await followed.look('b', false), true, 'another one at once');
  });

  test('is asked for once at a time', async () => {
    const first = followed.look('a', false);
    nowMs = 5000;
    assert.deepEqual([await followed.look('a', false), await first], [false, true]);
    assert.deepEqual(asked, ['a']);
  });

  test('paused, is asked for until there is an answer', async () => {
    answer = fails('unreachable', 'connect ENOENT');
    await followed.look('a', true);
    answer = here;
    nowMs = 2000;
    await followed.look('a', true);
    nowMs = 60_000;
    assert.equal(await followed.look('a', true), false);
    assert.deepEqual([asked.length, shown()], [2, 'a, in full']);
  });

  test('stays as it was while the daemon is gone, with the reason', async () => {
    await followed.look('a', false);
    answer = fails('unreachable', 'connect\x1b[2J');
    nowMs = 2000;
    assert.equal(await followed.look('a', false), true);
    assert.equal(shown(), 'a, in full, connect\\x1b[2J');
    nowMs = 4000;
    await followed.look('a', false);
    assert.equal(shown(), 'a, in full, connect\\x1b[2J', 'and while it stays gone');
    await followed.look('b', false);
    assert.equal(shown(), 'b, connect\\x1b[2J', 'what is known of another one is no answer');
    answer = here;
    await followed.look('a', false);
    assert.equal(shown(), 'a, in full');
  });

  test('goes when the daemon does not know it any more', async () => {
    await followed.look('a', false);
    answer = fails('not_found', 'no such connection');
    nowMs = 2000;
    await followed.look('a', false);
    assert.equal(shown(), 'a, stuckd does not know this connection any more.');
  });

  test('an answer about one that was left is dropped', async () => {
    const answers = new Map<string, (response: GetResponse) => void>();
    answer = (id) =>
      new Promise((resolve) => {
        answers.set(id, resolve);
      });
    const [first, second] = [followed.look('a', false), followed.look('b', false)];
    const response = stuckd.v1.GetStuckConnectionResponse.create({});
    answers.get('b')?.(response);
    assert.equal(await second, true);
    answers.get('a')?.(response);
    assert.deepEqual([await first, shown()], [false, 'b, in full']);
  });

  test('what is no answer of a daemon is an error', async () => {
    answer = () => Promise.reject(new TypeError('a defect'));
    await assert.rejects(followed.look('a', false), /a defect/);
  });
});
