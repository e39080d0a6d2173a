/**
 * What was worked out before of connections with the same settings. How long they hang is decided by a dozen numbers, which nearly
 * all connections of a pool agree in, and playing the timers of one takes longer than all else that an audit does with it.
 */
import { usToJiffies } from '../jiffies.js';
import type { KernelFacts, SocketSnapshot, TcpSysctls } from '../snapshot.js';
import { type Settings, settingsOf } from './audited.js';

/** Round trips differ: beyond so many it begins anew rather than grow. */
const ENTRIES_MAX = 4096;

export class SettingsMemo {
  readonly #kernel: KernelFacts;
  readonly #known = new Map<string, Settings>();
  /** Sockets of one namespace come with equal sysctls, which are made to text once. */
  #sysctls: TcpSysctls | null = null;
  #sysctlsKey = '';

  constructor(kernel: KernelFacts) {
    this.#kernel = kernel;
  }

  /** @returns one object for all sockets that are alike. */
  settingsOf(socket: SocketSnapshot): Settings {
    const key = `${this.#settingsKey(socket)} ${this.#sysctlsKeyOf(socket.sysctls)}`;
    const known = this.#known.get(key);
    if (known !== undefined) {
      return known;
    }
    if (this.#known.size >= ENTRIES_MAX) {
      this.#known.clear();
    }
    const settings = settingsOf(socket, this.#kernel);
    this.#known.set(key, settings);
    return settings;
  }

  /** All that `exposureOf()` looks at but the sysctls; round trips as the jiffies that the kernel makes of them. */
  #settingsKey(socket: SocketSnapshot): string {
    const { hz } = this.#kernel;
    const { srttUs, rttvarUs, keepalive, thinLto, usecStamps } = socket;
    const flags = (keepalive ? 1 : 0) | (thinLto ? 2 : 0) | (usecStamps ? 4 : 0);
    const rtt =
      srttUs === 0 ? `-${socket.rtoJiffies}` : `${usToJiffies(srttUs + rttvarUs, hz)} ${usToJiffies(2 * srttUs, hz)}`;
    const keepaliveKey = `${socket.keepaliveTimeJiffies} ${socket.keepaliveIntvlJiffies} ${socket.keepaliveProbes}`;
    return `${flags} ${rtt} ${socket.rtoMinJiffies} ${socket.rtoMaxJiffies} ${socket.userTimeoutMs} ${keepaliveKey}`;
  }

  #sysctlsKeyOf(sysctls: TcpSysctls): string {
    if (this.#sysctls === null || !isSame(this.#sysctls, sysctls)) {
      this.#sysctls = sysctls;
      this.#sysctlsKey = Object.values(sysctls).join(' ');
    }
    return this.#sysctlsKey;
  }
}

/** In what `settingsOf()` looks at. */
function isSame(a: TcpSysctls, b: TcpSysctls): boolean {
  return (
    a.retries2 === b.retries2 &&
    a.synRetries === b.synRetries &&
    a.earlyRetrans === b.earlyRetrans &&
    a.thinLinearTimeouts === b.thinLinearTimeouts &&
    a.keepaliveProbes === b.keepaliveProbes &&
    a.keepaliveTimeJiffies === b.keepaliveTimeJiffies &&
    a.keepaliveIntvlJiffies === b.keepaliveIntvlJiffies
  );
}
