// Proves that on a machine that hides the kernel's BTF stuckd can run by polling, and is told so in one sentence, with what
// to do; that who wants BPF or nothing is told that it cannot run; and that a copy of the BTF is what there is to do.
// It cannot prove how stuckd would do on a kernel that was built without BTF.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { checkJson, featureOf } from '../support/check-answer.js';
import { sensorWith } from '../support/refuse.js';
import { runProgram } from '../support/run-program.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const DIRECTORY = '/sys/kernel/btf';

test('without BTF in /sys: stuckd polls, or cannot run where it must not, or takes a copy', async (t) => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const copy = join(directory, 'vmlinux');
  copyFileSync(join(DIRECTORY, 'vmlinux'), copy);
  chmodSync(copy, 0o644);
  await runCommand(['mount', '-t', 'tmpfs', 'none', DIRECTORY]);
  t.after(() => runCommand(['umount', DIRECTORY]));

  const polling = await checkJson(t);
  assert.equal(polling.code, 0, polling.text);
  assert.equal(polling.canRun, true);
  assert.equal(featureOf(polling, 'kernel BTF').available, false);
  assert.match(featureOf(polling, 'kernel BTF').how, /CONFIG_DEBUG_INFO_BTF/);
  assert.match(polling.text, /BTF is not visible here/);

  const ebpf = await runProgram([sensorWith(t, '--mode', 'ebpf'), '--check']);
  assert.equal(ebpf.code, 1, ebpf.stdout);
  assert.match(ebpf.stdout, /^failed: the kernel's BTF is not visible here .* --btf$/m);

  const copied = await runProgram([sensorWith(t, '--mode', 'ebpf', '--btf', copy), '--check']);
  assert.equal(copied.code, 0, copied.stdout);
  assert.match(copied.stdout, /^mode +ebpf/m);
});
