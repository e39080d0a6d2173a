/** Names of Linux capabilities, by bit (linux/capability.h). */
const NAMES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
];

/** Width of a capability mask (kernel_cap_t). */
const BITS = 64;

/**
 * @param mask bit n is set if capability n is held
 * @returns names such as `CAP_BPF`; a capability that is newer than this list goes by its number
 */
export function capabilityNames(mask: bigint): readonly string[] {
  const bits = Array.from({ length: BITS }, (_, bit) => bit);
  return bits.filter((bit) => (mask & (1n << BigInt(bit))) !== 0n).map((bit) => `CAP_${NAMES[bit] ?? bit}`);
}
