// Proves what a locked-down kernel (the default with Secure Boot on some distributions) means for stuckd: nothing at level
// "integrity"; at "confidentiality" BPF cannot read kernel memory, so that it polls, and says so, by name. The last test of
// a guest, as its file name sees to: there is no way back from a lockdown.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkJson, type CheckAnswer } from '../support/check-answer.js';
import { sensorWith } from '../support/refuse.js';
import { runProgram } from '../support/run-program.js';

const LOCKDOWN = '/sys/kernel/security/lockdown';

function availableOf(answer: CheckAnswer): readonly string[] {
  return answer.features.filter(({ available }) => available).map(({ name }) => name);
}

test('lockdown: "integrity" changes nothing, "confidentiality" is named as the reason', async (t) => {
  assert.match(readFileSync(LOCKDOWN, 'utf8'), /\[none\]/);
  const free = await checkJson(t);
  writeFileSync(LOCKDOWN, 'integrity');
  const integrity = await checkJson(t);
  assert.equal(integrity.code, 0, integrity.text);
  assert.deepEqual(availableOf(integrity), availableOf(free));

  writeFileSync(LOCKDOWN, 'confidentiality');
  const confidentiality = await checkJson(t);
  assert.equal(confidentiality.code, 0, confidentiality.text);
  assert.match(confidentiality.text, /the kernel is locked down .* boot with lockdown=integrity/);
  const ebpf = await runProgram([sensorWith(t, '--mode', 'ebpf'), '--check']);
  assert.equal(ebpf.code, 1, ebpf.stdout);
  assert.match(ebpf.stdout, /^failed: the kernel is locked down /m);
});
