// Proves the names of capability bits.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { capabilityNames } from '../../../daemon/sensor/capabilities.js';

test('bits have the names of linux/capability.h', () => {
  assert.deepEqual(capabilityNames(0n), []);
  assert.deepEqual(capabilityNames((1n << 38n) | (1n << 39n)), ['CAP_PERFMON', 'CAP_BPF']);
  assert.deepEqual(capabilityNames(1n | (1n << 21n)), ['CAP_CHOWN', 'CAP_SYS_ADMIN']);
  assert.deepEqual(capabilityNames(1n << 40n), ['CAP_CHECKPOINT_RESTORE']);
});

test('a capability that is newer than the list is not hidden', () => {
  assert.deepEqual(capabilityNames((1n << 41n) | (1n << 63n)), ['CAP_41', 'CAP_63']);
});

test('the list covers what this kernel has', (t) => {
  let last: number;
  try {
    last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  } catch {
    t.skip('needs /proc');
    return;
  }
  const names = capabilityNames((1n << BigInt(last + 1)) - 1n);
  assert.deepEqual(
    names.filter((name) => /^CAP_\d+$/.test(name)),
    [],
  );
});
