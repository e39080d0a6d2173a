// Proves that a machine without the kernel's BTF is told so in one sentence, and what to do, instead of a failure of the
// loader. It cannot prove how stuckd would do without BTF: it does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { checkJson, featureOf } from '../support/check-answer.js';

const DIRECTORY = '/sys/kernel/btf';

test('stuckd check without BTF: what is missing, what to do, and 1', async (t) => {
  await runCommand(['mount', '-t', 'tmpfs', 'none', DIRECTORY]);
  t.after(() => runCommand(['umount', DIRECTORY]));
  const answer = await checkJson(t);
  assert.equal(answer.code, 1);
  assert.equal(answer.canRun, false);
  const { available, required, how } = featureOf(answer, 'kernel BTF');
  assert.deepEqual([available, required], [false, true]);
  assert.match(how, /CONFIG_DEBUG_INFO_BTF/);
});
