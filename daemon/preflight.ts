/** What must be there before a sensor can work, checked with plain file reads: each answer is a sentence. */
import { accessSync, constants, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Config } from './config.js';
import { PID_NAMESPACE_LOSS } from './pid-namespace.js';
import { builtSensorPath } from './sensor/sensor-path.js';

/** One thing that stuckd needs. */
export interface PreflightResult {
  readonly name: string;
  readonly ok: boolean;
  /** stuckd cannot run without it. */
  readonly required: boolean;
  /** What was found; or what is missing, and what to do. */
  readonly message: string;
  /** What stuckd cannot do without it. */
  readonly loss: string;
}

/** Where the kernel tells about itself. */
export interface KernelFiles {
  readonly processStatus: string;
  readonly lastCapability: string;
  readonly pidNamespace: string;
  readonly btf: string;
}

const KERNEL_FILES: KernelFiles = {
  processStatus: '/proc/self/status',
  lastCapability: '/proc/sys/kernel/cap_last_cap',
  pidNamespace: '/proc/self/ns/pid',
  btf: '/sys/kernel/btf/vmlinux',
};

/** PROC_PID_INIT_INO, include/linux/proc_ns.h: the inode of the first pid namespace. */
const INIT_PID_NAMESPACE = 'pid:[4026531836]';
/** Bits of linux/capability.h; Linux 5.8 brought the last two. */
const CAP_DAC_READ_SEARCH = 2;
const CAP_SYS_PTRACE = 19;
const CAP_SYS_ADMIN = 21;
const CAP_PERFMON = 38;
const CAP_BPF = 39;

function maskOf(...capabilities: readonly number[]): bigint {
  return capabilities.reduce((mask, capability) => mask | (1n << BigInt(capability)), 0n);
}

/** @returns the mask of effective capabilities; none where it cannot be read. */
function effectiveCapabilities(processStatus: string): bigint {
  try {
    return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync(processStatus, 'utf8'))?.[1] ?? '0'}`);
  } catch {
    return 0n;
  }
}

/** Root of an older kernel has every capability, and not these two. */
function lacksCapabilities(lastCapability: string): boolean {
  try {
    return Number(readFileSync(lastCapability, 'utf8')) < CAP_BPF;
  } catch {
    return false;
  }
}

/** Whether stuckd does without BPF where that cannot be had. */
type BpfNeed = Pick<PreflightResult, 'required' | 'loss'>;

function bpfNeed(mode: Config['sensor']['mode'], loss: string): BpfNeed {
  return mode === 'ebpf' ? { required: true, loss } : { required: false, loss: `${loss}, and stuckd polls` };
}

function checkPrivileges(
  { processStatus, lastCapability }: KernelFiles,
  mode: Config['sensor']['mode'],
): PreflightResult {
  const result = { name: 'privileges', ...bpfNeed(mode, 'the kernel loads no BPF program') };
  if (lacksCapabilities(lastCapability)) {
    return {
      ...result,
      ok: false,
      message: 'this kernel is too old: it does not know CAP_BPF (Linux 5.8); BPF needs Linux 5.12 or newer',
    };
  }
  const needed = maskOf(CAP_BPF, CAP_PERFMON);
  if ((effectiveCapabilities(processStatus) & needed) === needed) {
    const message =
      'CAP_BPF and CAP_PERFMON are there for the sensor: to load BPF programs, and to attach them and read kernel memory';
    return { ...result, ok: true, message };
  }
  return {
    ...result,
    ok: false,
    message:
      'CAP_BPF and CAP_PERFMON are missing: run stuckd as root (sudo), or run stuckd-sensor apart with these two ' +
      'capabilities and set STUCKD_SENSOR_ADDRESS; they are to load BPF programs, and to attach them and read kernel memory',
  };
}

/** What polling can use; it needs none of them for its own namespace and for processes of its own user. */
const POLLING_CAPABILITIES = [
  {
    name: 'polling: namespaces',
    mask: maskOf(CAP_SYS_ADMIN, CAP_SYS_PTRACE),
    words: 'CAP_SYS_ADMIN and CAP_SYS_PTRACE, to enter other network namespaces',
    loss: 'by polling, connections of containers and other network namespaces are not found',
  },
  {
    name: 'polling: owners',
    mask: maskOf(CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH),
    words: 'CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to read the descriptors of processes of other users',
    loss: 'by polling, connections of other users have no owner',
  },
] as const;

function checkPolling({ processStatus }: KernelFiles): readonly PreflightResult[] {
  const held = effectiveCapabilities(processStatus);
  return POLLING_CAPABILITIES.map(({ name, mask, words, loss }) => {
    const ok = (held & mask) === mask;
    return { name, ok, required: false, message: `${words}, ${ok ? 'are there' : 'are not there'}`, loss };
  });
}

function checkBtf(kernelBtf: string, { mode, btf }: Config['sensor']): PreflightResult {
  const result = { name: 'kernel BTF', ...bpfNeed(mode, 'BPF programs do not find the fields of this kernel') };
  const path = btf ?? kernelBtf;
  try {
    accessSync(path, constants.R_OK);
    return { ...result, ok: true, message: path };
  } catch {
    const message =
      btf === undefined
        ? `${path} is missing: BPF needs a kernel built with CONFIG_DEBUG_INFO_BTF=y (the kernels of Debian 11, Ubuntu ` +
          '20.10, RHEL 8.2 and later have it); in a container, /sys must be visible, or sensor.btf names a copy'
        : `${path} (sensor.btf) cannot be read`;
    return { ...result, ok: false, message };
  }
}

function checkPidNamespace(pidNamespace: string): PreflightResult {
  const result = { name: 'pid namespace', required: false, loss: 'owners outside this container are not found' };
  try {
    if (readlinkSync(pidNamespace) === INIT_PID_NAMESPACE) {
      return { ...result, ok: true, message: "the node's own: every process is seen" };
    }
  } catch {
    // Falls through: without /proc nothing is known.
  }
  return {
    ...result,
    ok: false,
    message: `not the node's own: ${PID_NAMESPACE_LOSS}`,
  };
}

function checkExecutable(sensorPath: string): PreflightResult {
  const result = { name: 'sensor', required: true, loss: 'nothing is observed' };
  try {
    accessSync(sensorPath, constants.X_OK);
    return { ...result, ok: true, message: sensorPath };
  } catch {
    return {
      ...result,
      ok: false,
      message: `${sensorPath} is missing or not executable: run "npm run setup" to build it, or set sensor.path`,
    };
  }
}

/**
 * Everything that can be told without loading BPF: of each mode that is allowed what it needs and why, and what of that is there.
 * A sensor that runs apart has a machine of its own to complain about.
 */
export function preflight(config: Config, files: KernelFiles = KERNEL_FILES): readonly PreflightResult[] {
  const { address, mode, path } = config.sensor;
  if (address !== undefined) {
    return [];
  }
  return [
    ...(mode === 'polling' ? [] : [checkPrivileges(files, mode), checkBtf(files.btf, config.sensor)]),
    ...(mode === 'ebpf' ? [] : checkPolling(files)),
    checkPidNamespace(files.pidNamespace),
    checkExecutable(path ?? builtSensorPath()),
  ];
}

/** What the sensor of a daemon that starts will say better: which mode it chose, and why. */
function isForSensor({ name, required }: PreflightResult): boolean {
  return !required && ['privileges', 'kernel BTF', ...POLLING_CAPABILITIES.map((each) => each.name)].includes(name);
}

/** Root can write everywhere; but what it leaves in the directory of a service keeps that one from starting. */
function checkStateOwner(directory: string, uid: number | undefined): PreflightResult {
  const result = { name: 'state directory', required: false, loss: 'its owner cannot go on with what is saved' };
  const owner = uid === 0 ? statSync(directory, { throwIfNoEntry: false })?.uid : undefined;
  if (owner === undefined || owner === uid) {
    return { ...result, ok: true, message: directory };
  }
  return {
    ...result,
    ok: false,
    message:
      `${directory} belongs to the user with uid ${owner}, who cannot open what root writes there: give another one ` +
      '(--state-dir), or "chown -R" it before that user goes on',
  };
}

/**
 * The same of a daemon that starts: it reads /proc by the pids of the node also where its sensor runs apart.
 * @param uid of this process
 */
export function daemonPreflight(
  config: Config,
  files: KernelFiles = KERNEL_FILES,
  uid: number | undefined = process.getuid?.(),
): readonly PreflightResult[] {
  return [
    ...(config.sensor.address === undefined
      ? preflight(config, files).filter((result) => !isForSensor(result))
      : [checkPidNamespace(files.pidNamespace)]),
    checkStateOwner(config.stateDir, uid),
  ];
}
