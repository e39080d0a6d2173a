/** What the kernel itself says about a socket, by its older interfaces: /proc/net/tcp and getsockopt. */
import { readFileSync } from 'node:fs';
import type { SocketSnapshot } from '../../daemon/core/snapshot.js';
import type { SensorUnderTest } from './sensor-under-test.js';
import type { Sockprog, SockprogReply } from './sockprog.js';
import { waitFor } from './wait-for.js';

export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const IPPROTO_TCP = 6;

/** Numbers from linux/tcp.h and asm-generic/socket.h. */
const SO_COOKIE = 57;
const TCP_INFO = 11;

/** A line of /proc/net/tcp (get_tcp4_sock()). */
export interface ProcTcpRow {
  readonly state: number;
  readonly txQueue: number;
  readonly rxQueue: number;
  /** 0 none, 1 retransmission or tail loss probe, 2 keepalive, 4 window probe. */
  readonly timer: number;
  /** Until then, in ticks of 1/100 s, rounded down; 0 also if the timer is late. */
  readonly whenTicks: number;
  readonly retransmits: number;
  readonly uid: number;
  /** Unanswered probes, of the window or of keepalive. */
  readonly probes: number;
}

/** @param pid of a process in the namespace. */
export function procTcpRow(pid: number, localPort: number): ProcTcpRow {
  const port = localPort.toString(16).toUpperCase().padStart(4, '0');
  for (const line of readFileSync(`/proc/${String(pid)}/net/tcp`, 'utf8')
    .split('\n')
    .slice(1)) {
    const [, local = '', , state = '', queues = '', timer = '', retransmits = '', uid = '', probes = ''] = line
      .trim()
      .split(/\s+/);
    if (local.endsWith(`:${port}`)) {
      const [txQueue, rxQueue] = hexPair(queues);
      const [active, whenTicks] = hexPair(timer);
      return {
        ...{ state: parseInt(state, 16), txQueue, rxQueue, timer: active, whenTicks },
        ...{ retransmits: parseInt(retransmits, 16), uid: Number(uid), probes: Number(probes) },
      };
    }
  }
  throw new Error(`/proc/${String(pid)}/net/tcp does not show port ${String(localPort)}`);
}

function hexPair(text: string): [number, number] {
  const [first = '', second = ''] = text.split(':');
  return [parseInt(first, 16), parseInt(second, 16)];
}

/** A socket of sockprog, and the names by which the kernel's interfaces and the sensor know it. */
export class SocketUnderTest {
  readonly program: Sockprog;
  readonly id: string;
  readonly fd: number;
  readonly localPort: number;
  readonly cookie: bigint;

  private constructor(program: Sockprog, id: string, { fd = -1, localPort = 0 }: SockprogReply, cookie: bigint) {
    this.program = program;
    this.id = id;
    this.fd = fd;
    this.localPort = localPort;
    this.cookie = cookie;
  }

  /** @param reply to its `connect`. */
  static async of(program: Sockprog, id: string, reply: SockprogReply): Promise<SocketUnderTest> {
    const cookie = await optionBytes(program, id, SOL_SOCKET, SO_COOKIE);
    return new SocketUnderTest(program, id, reply, cookie.readBigUInt64LE());
  }

  /** An option that is an int. */
  async option(level: number, name: number): Promise<number> {
    return (await optionBytes(this.program, this.id, level, name)).readInt32LE();
  }

  /** @returns the name of the errno, or undefined if it was accepted. */
  async setOption(level: number, name: number, value: number): Promise<string | undefined> {
    const { ok, errno } = await this.program.attempt(
      `setopt ${this.id} ${String(level)} ${String(name)} ${String(value)}`,
    );
    return ok ? undefined : (errno ?? '?');
  }

  async info(): Promise<TcpInfo> {
    return new TcpInfo(await optionBytes(this.program, this.id, IPPROTO_TCP, TCP_INFO));
  }

  proc(): ProcTcpRow {
    return procTcpRow(this.program.pid, this.localPort);
  }
}

async function optionBytes(program: Sockprog, id: string, level: number, name: number): Promise<Buffer> {
  const { hex } = await program.command(`getopt ${id} ${String(level)} ${String(name)}`);
  return Buffer.from(String(hex), 'hex');
}

/** struct tcp_info; a newer kernel appends members. Those that this kernel lacks are undefined. */
export class TcpInfo {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u8(offset: number): number {
    return this.#bytes.readUInt8(offset);
  }

  u16(offset: number): number | undefined {
    return this.#bytes.length < offset + 2 ? undefined : this.#bytes.readUInt16LE(offset);
  }

  u32(offset: number): number | undefined {
    return this.#bytes.length < offset + 4 ? undefined : this.#bytes.readUInt32LE(offset);
  }

  u64(offset: number): number | undefined {
    return this.#bytes.length < offset + 8 ? undefined : Number(this.#bytes.readBigUInt64LE(offset));
  }
}

/** The kernel's word between two snapshots that agree on everything that the test compares with it. */
export interface Sandwich<T> {
  readonly before: SocketSnapshot;
  readonly word: T;
  readonly after: SocketSnapshot;
}

/**
 * Takes snapshots until two in a row agree on `key`, with the kernel's word in between: nothing happened meanwhile.
 * @param key undefined while the socket is not yet as the test wants it.
 * @param askKernel likewise.
 */
export async function sandwich<T>(
  sensor: SensorUnderTest,
  socket: SocketUnderTest,
  key: (snapshot: SocketSnapshot) => string | undefined,
  askKernel: () => T | undefined | Promise<T | undefined>,
): Promise<Sandwich<T>> {
  const once = async (): Promise<Sandwich<T> | undefined> => {
    const before = await sensor.snapshot(socket.cookie);
    const word = await askKernel();
    const after = await sensor.snapshot(socket.cookie);
    const isAtRest = key(before) !== undefined && key(before) === key(after);
    return word !== undefined && isAtRest ? { before, word, after } : undefined;
  };
  return waitFor<Sandwich<T> | undefined>(once, { what: `a socket ${socket.id} at rest, as the test wants it` });
}
