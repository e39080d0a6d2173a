/** The command line of a guest. Pure. */

import type { Architecture } from './flavour.js';

export interface GuestMachine {
  readonly architecture: Architecture;
  readonly image: string;
  readonly initramfs: string;
  /** Socket of the virtiofsd that serves the host's file system. */
  readonly fileSystemSocket: string;
  /** Files that receive what the guest writes to its first and second serial port. */
  readonly consolePath: string;
  readonly resultsPath: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** The host's, see `tscFrequency`; only an emulated guest needs it. */
  readonly tscKhz: number;
  /** Parameters for the kernel, beside those that every guest gets. */
  readonly kernelParameters: readonly string[];
}

/**
 * Hardware virtualisation needs more than /dev/kvm: a host that is itself a para-virtual guest has the device, and then
 * interprets a stock kernel instruction by instruction, if it runs it at all.
 * @param cpuinfo content of /proc/cpuinfo
 */
export function hasHardwareVirtualisation(cpuinfo: string): boolean {
  return /^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo);
}

/** The names of a guest's two serial ports. The board that arm64 guests have knows one; the other is a PCI card. */
export const PORTS: Readonly<Record<Architecture, { readonly console: string; readonly results: string }>> = {
  amd64: { console: 'ttyS0', results: 'ttyS1' },
  arm64: { console: 'ttyAMA0', results: 'ttyS0' },
};

export const EMULATORS: Readonly<Record<Architecture, string>> = {
  amd64: 'qemu-system-x86_64',
  arm64: 'qemu-system-aarch64',
};

function kernelCommandLine(machine: GuestMachine, emulated: boolean): string {
  return [
    `console=${PORTS[machine.architecture].console},115200`,
    'quiet',
    'mitigations=off', // each of them costs an emulated CPU several times what it costs a real one
    'oops=panic',
    'panic=-1', // reboot at once, which -no-reboot turns into the end of qemu
    // An emulated guest reads the host's TSC, but calibrates it against an emulated timer, which fails on a busy host:
    // its clock then runs several times too fast.
    // The kernel's own check of its timer interrupt fails there for the same reason, and that is a panic.
    ...(emulated && machine.architecture === 'amd64' ? [`tsc_early_khz=${machine.tscKhz}`, 'no_timer_check'] : []),
    ...machine.kernelParameters,
  ].join(' ');
}

function processorArguments(architecture: Architecture, hardware: boolean): readonly string[] {
  const accelerator = hardware ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi'];
  if (architecture === 'arm64') {
    // A CPU that servers have. "max" would authenticate pointers, which takes an emulator very long.
    return ['-machine', 'virt', ...accelerator, ...(hardware ? [] : ['-cpu', 'neoverse-n1'])];
  }
  return [...accelerator, ...(hardware ? [] : ['-cpu', 'max'])];
}

function portArguments({ architecture, consolePath, resultsPath }: GuestMachine): readonly string[] {
  const results =
    architecture === 'arm64'
      ? ['-chardev', `file,id=results,path=${resultsPath}`, '-device', 'pci-serial,chardev=results']
      : ['-serial', `file:${resultsPath}`];
  return ['-serial', `file:${consolePath}`, ...results];
}

/** @returns arguments for the emulator, see `EMULATORS` */
export function qemuArguments(machine: GuestMachine, hardware: boolean): readonly string[] {
  const memory = `${machine.memoryMib}M`;
  return [
    ...processorArguments(machine.architecture, hardware),
    ...['-smp', String(machine.cpus), '-m', memory],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-monitor', 'none', '-nic', 'none'],
    ...portArguments(machine),
    ...['-kernel', machine.image, '-initrd', machine.initramfs],
    ...['-append', kernelCommandLine(machine, !hardware)],
    // virtiofs shares the guest's memory with the process that serves the files.
    ...['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`, '-numa', 'node,memdev=memory'],
    ...['-chardev', `socket,id=files,path=${machine.fileSystemSocket}`],
    ...['-device', 'vhost-user-fs-pci,chardev=files,tag=hostroot,queue-size=1024'],
  ];
}
