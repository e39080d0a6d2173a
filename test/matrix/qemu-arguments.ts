/** The command line of a guest. Pure. */

export interface GuestMachine {
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

function kernelCommandLine(machine: GuestMachine, emulated: boolean): string {
  return [
    'console=ttyS0,115200',
    'quiet',
    'mitigations=off', // each of them costs an emulated CPU several times what it costs a real one
    'oops=panic',
    'panic=-1', // reboot at once, which -no-reboot turns into the end of qemu
    // An emulated guest reads the host's TSC, but calibrates it against an emulated timer, which fails on a busy host:
    // its clock then runs several times too fast.
    // The kernel's own check of its timer interrupt fails there for the same reason, and that is a panic.
    ...(emulated ? [`tsc_early_khz=${machine.tscKhz}`, 'no_timer_check'] : []),
    ...machine.kernelParameters,
  ].join(' ');
}

/** @returns arguments for qemu-system-x86_64 */
export function qemuArguments(machine: GuestMachine, hardware: boolean): readonly string[] {
  const memory = `${machine.memoryMib}M`;
  return [
    ...(hardware ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'max']),
    ...['-smp', String(machine.cpus), '-m', memory],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-monitor', 'none', '-nic', 'none'],
    ...['-serial', `file:${machine.consolePath}`, '-serial', `file:${machine.resultsPath}`],
    ...['-kernel', machine.image, '-initrd', machine.initramfs],
    ...['-append', kernelCommandLine(machine, !hardware)],
    // virtiofs shares the guest's memory with the process that serves the files.
    ...['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`, '-numa', 'node,memdev=memory'],
    ...['-chardev', `socket,id=files,path=${machine.fileSystemSocket}`],
    ...['-device', 'vhost-user-fs-pci,chardev=files,tag=hostroot,queue-size=1024'],
  ];
}
