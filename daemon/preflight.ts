/** What must be there before a sensor can work, checked with plain file reads: each answer is a sentence. */
import { accessSync, constants, readFileSync, readlinkSync } from 'node:fs';
import type { Config } from './config.js';
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
/** CAP_BPF (linux/capability.h); CAP_PERFMON is the bit before. Linux 5.8 has both. */
const CAP_BPF = 39;
/** Of CapEff in /proc/self/status. */
const NEEDED_CAPABILITIES = 0b11n << BigInt(CAP_BPF - 1);

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

function checkPrivileges({ processStatus, lastCapability }: KernelFiles): PreflightResult {
  const result = { name: 'privileges', required: true, loss: 'the kernel loads no BPF program' };
  if (lacksCapabilities(lastCapability)) {
    return {
      ...result,
      ok: false,
      message: 'this kernel is too old: it does not know CAP_BPF (Linux 5.8); stuckd needs Linux 5.12 or newer',
    };
  }
  if ((effectiveCapabilities(processStatus) & NEEDED_CAPABILITIES) === NEEDED_CAPABILITIES) {
    return { ...result, ok: true, message: 'CAP_BPF and CAP_PERFMON are there for the sensor' };
  }
  return {
    ...result,
    ok: false,
    message:
      'CAP_BPF and CAP_PERFMON are missing: run stuckd as root (sudo), or run stuckd-sensor apart with these two ' +
      'capabilities and set STUCKD_SENSOR_ADDRESS',
  };
}

function checkBtf(btf: string): PreflightResult {
  const result = { name: 'kernel BTF', required: true, loss: 'BPF programs do not find the fields of this kernel' };
  try {
    accessSync(btf, constants.R_OK);
    return { ...result, ok: true, message: btf };
  } catch {
    return {
      ...result,
      ok: false,
      message:
        `${btf} is missing: stuckd needs a kernel built with CONFIG_DEBUG_INFO_BTF=y (the kernels of ` +
        'Debian 11, Ubuntu 20.10, RHEL 8.2 and later have it); in a container, /sys must be visible',
    };
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
    message: "not the node's own: owners outside this container are not found; in Kubernetes set hostPID: true",
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

/** Everything that can be told without loading BPF. A sensor that runs apart has a machine of its own to complain about. */
export function preflight(config: Config, files: KernelFiles = KERNEL_FILES): readonly PreflightResult[] {
  if (config.sensor.address !== undefined) {
    return [];
  }
  return [
    checkPrivileges(files),
    checkBtf(files.btf),
    checkPidNamespace(files.pidNamespace),
    checkExecutable(config.sensor.path ?? builtSensorPath()),
  ];
}

/** The same of a daemon that starts: it reads /proc by the pids of the node also where its sensor runs apart. */
export function daemonPreflight(config: Config, files: KernelFiles = KERNEL_FILES): readonly PreflightResult[] {
  return config.sensor.address === undefined ? preflight(config, files) : [checkPidNamespace(files.pidNamespace)];
}
