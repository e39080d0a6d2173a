// Proves that a guest is emulated unless the CPU can virtualise, and gets a clock that is told rather than measured then.
// It cannot prove that qemu takes the arguments.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type GuestMachine, hasHardwareVirtualisation, qemuArguments } from '../../matrix/qemu-arguments.js';

const MACHINE: GuestMachine = {
  architecture: 'amd64',
  image: '/k/vmlinuz',
  initramfs: '/w/initramfs',
  fileSystemSocket: '/w/files.sock',
  consolePath: '/r/console.log',
  resultsPath: '/r/results.jsonl',
  cpus: 2,
  memoryMib: 1024,
  tscKhz: 2_100_000,
  kernelParameters: ['lsm=bpf'],
};

describe('virtualisation is a flag of the CPU, not a device file', () => {
  const table: readonly (readonly [string, boolean])[] = [
    ['flags\t\t: fpu vme vmx ssse3', true],
    ['flags\t\t: fpu svm', true],
    ['flags\t\t: fpu vme hypervisor', false],
    ['flags\t\t: fpu vmx_flags', false],
    ['bugs\t\t: svm', false],
    ['', false],
  ];
  for (const [cpuinfo, expected] of table) {
    test(`${JSON.stringify(cpuinfo)}: ${String(expected)}`, () => {
      assert.equal(hasHardwareVirtualisation(cpuinfo), expected);
    });
  }
});

function kernelParameters(hardware: boolean): string {
  const all = qemuArguments(MACHINE, hardware);
  return all[all.indexOf('-append') + 1] ?? '';
}

test('an emulated guest is told the frequency of its clock', () => {
  assert.match(kernelParameters(false), /\btsc_early_khz=2100000\b/);
  assert.doesNotMatch(kernelParameters(true), /tsc_early_khz/);
  assert.match(kernelParameters(true), /\blsm=bpf$/);
});

test('guest and file server share exactly the memory of the guest', () => {
  const all = qemuArguments(MACHINE, false);
  assert.equal(all[all.indexOf('-m') + 1], '1024M');
  assert.ok(all.includes('memory-backend-memfd,id=memory,size=1024M,share=on'));
});

test('a guest of another architecture is a board with a card for its second serial port, and has no TSC', () => {
  const all = qemuArguments({ ...MACHINE, architecture: 'arm64' }, false);
  assert.deepEqual(all.slice(0, 2), ['-machine', 'virt']);
  assert.deepEqual(
    all.filter((word) => word.startsWith('file')),
    ['file:/r/console.log', 'file,id=results,path=/r/results.jsonl'],
  );
  const parameters = all[all.indexOf('-append') + 1] ?? '';
  assert.match(parameters, /^console=ttyAMA0,/);
  assert.doesNotMatch(parameters, /tsc/);
});
