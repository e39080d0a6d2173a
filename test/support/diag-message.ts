/** Messages of sock_diag, byte by byte: `struct inet_diag_msg` and its attributes (linux/inet_diag.h). */
import { isIPv6 } from 'node:net';
import type { Frame } from '../../daemon/wire/frame.js';
import { RECORD_KIND, SOCKET_CAUSE } from '../../daemon/wire/layout.generated.js';

/** sizeof(struct tcp_info) of Linux 6.7. */
export const INFO_OF_NOW = 248;

const INET_DIAG_INFO = 2;
const INET_DIAG_SKMEMINFO = 7;
const INET_DIAG_SHUTDOWN = 8;
const INET_DIAG_CGROUP_ID = 21;

/** Fields of `struct tcp_info`: offset and bytes. */
const INFO = {
  ...{ caState: [1, 1], retransmits: [2, 1], probes: [3, 1], backoff: [4, 1], rtoUs: [8, 4], mss: [16, 4] },
  ...{ unacked: [24, 4], sacked: [28, 4], lastSentMs: [44, 4], lastReceivedMs: [52, 4], lastAckMs: [56, 4] },
  ...{ srttUs: [68, 4], rttvarUs: [72, 4], ssthresh: [76, 4], totalRetrans: [100, 4] },
  ...{ bytesAcked: [120, 8], bytesReceived: [128, 8], segsOut: [136, 4], segsIn: [140, 4], notsent: [144, 4] },
  ...{ dataSegsIn: [152, 4], dataSegsOut: [156, 4], bytesSent: [200, 8], sndWnd: [228, 4], rcvWnd: [232, 4] },
  ...{ totalRto: [240, 2], totalRtoRecoveries: [242, 2], totalRtoTimeMs: [244, 4] },
} as const satisfies Record<string, readonly [number, 1 | 2 | 4 | 8]>;

export interface DiagFacts {
  readonly state: number;
  /** AF_INET (2) or AF_INET6 (10). */
  readonly family?: number;
  readonly timer?: number;
  readonly retrans?: number;
  readonly local?: string;
  readonly remote?: string;
  readonly localPort?: number;
  readonly remotePort?: number;
  readonly cookie?: bigint;
  readonly expiresMs?: number;
  readonly receiveQueue?: number;
  readonly sendQueue?: number;
  readonly uid?: number;
  readonly inode?: number;
  readonly info?: Readonly<Partial<Record<keyof typeof INFO, number>>>;
  /** Bytes of `info` that the kernel gives. */
  readonly infoSize?: number;
  readonly cgroupId?: bigint;
  readonly shutdown?: number;
  /** INET_DIAG_SKMEMINFO: rmem_alloc and rcvbuf. */
  readonly memory?: readonly [number, number];
  /** Type and bytes of attributes before all others. */
  readonly unknown?: readonly (readonly [number, number])[];
  /** Or-ed into the type of each attribute: NLA_F_NESTED, NLA_F_NET_BYTEORDER. */
  readonly flags?: number;
}

function addressBytes(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  if (!isIPv6(address)) {
    bytes.set(address.split('.').map(Number));
    return bytes;
  }
  const dotted = /^::ffff:([\d.]+)$/.exec(address)?.[1];
  if (dotted !== undefined) {
    bytes.set([0xff, 0xff, ...dotted.split('.').map(Number)], 10);
    return bytes;
  }
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): number[] => (text === '' ? [] : text.split(':').map((word) => parseInt(word, 16)));
  words(head).forEach((word, at) => bytes.writeUInt16BE(word, at * 2));
  words(tail).forEach((word, at, { length }) => bytes.writeUInt16BE(word, 16 - (length - at) * 2));
  return bytes;
}

function attribute(type: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(data.length / 4) * 4);
  bytes.writeUInt16LE(4 + data.length, 0);
  bytes.writeUInt16LE(type, 2);
  data.copy(bytes, 4);
  return bytes;
}

function infoBytes(info: NonNullable<DiagFacts['info']>, size: number): Buffer {
  const bytes = Buffer.alloc(Math.max(size, INFO_OF_NOW));
  for (const [name, value] of Object.entries(info)) {
    const [offset, width] = INFO[name as keyof typeof INFO];
    if (width === 8) {
      bytes.writeBigUInt64LE(BigInt(value), offset);
    } else {
      bytes.writeUIntLE(value, offset, width);
    }
  }
  return bytes.subarray(0, size);
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** @returns the payload of a netlink message, as a little-endian kernel writes it */
export function diagMessage(facts: DiagFacts): Buffer {
  const {
    family = facts.local !== undefined && isIPv6(facts.local) ? 10 : 2,
    info = {},
    infoSize = INFO_OF_NOW,
  } = facts;
  const base = Buffer.alloc(72);
  base.set([family, facts.state, facts.timer ?? 0, facts.retrans ?? 0]);
  base.writeUInt16BE(facts.localPort ?? 0, 4);
  base.writeUInt16BE(facts.remotePort ?? 0, 6);
  addressBytes(facts.local ?? '0.0.0.0').copy(base, 8);
  addressBytes(facts.remote ?? '0.0.0.0').copy(base, 24);
  base.writeBigUInt64LE(facts.cookie ?? 1n, 44);
  const words = [facts.expiresMs, facts.receiveQueue, facts.sendQueue, facts.uid, facts.inode];
  words.forEach((word, at) => base.writeUInt32LE(word ?? 0, 52 + at * 4));
  const flags = facts.flags ?? 0;
  const memory = Buffer.alloc(36);
  (facts.memory ?? []).forEach((value, at) => memory.writeUInt32LE(value, at * 4));
  return Buffer.concat([
    base,
    ...(facts.unknown ?? []).map(([type, size]) => attribute(type, Buffer.alloc(size, 0xee))),
    attribute(INET_DIAG_INFO | flags, infoBytes(info, infoSize)),
    ...(facts.shutdown === undefined ? [] : [attribute(INET_DIAG_SHUTDOWN | flags, Buffer.from([facts.shutdown]))]),
    ...(facts.memory === undefined ? [] : [attribute(INET_DIAG_SKMEMINFO | flags, memory)]),
    ...(facts.cgroupId === undefined ? [] : [attribute(INET_DIAG_CGROUP_ID | flags, u64(facts.cgroupId))]),
  ]);
}

/** A frame around a polled record to which nobody has given a cause yet. */
export function polledFrame(record: Buffer): Frame {
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  return { kind: RECORD_KIND.RECORD_POLLED, cause: SOCKET_CAUSE.CAUSE_SWEEP, view, position: 0, offset: 0 };
}
