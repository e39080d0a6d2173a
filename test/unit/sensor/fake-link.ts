/** A link whose other end is the test, and the records of a handshake. */
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { SensorLink } from '../../../daemon/sensor/sensor-link.js';
import type { SensorConfiguration } from '../../../daemon/wire/command-encoder.js';
import { goldenBytes } from '../wire/golden.js';

export const CONFIGURATION: SensorConfiguration = {
  rtoThreshold: 3,
  synThreshold: 3,
  probeThreshold: 2,
  windowProbeThreshold: 3,
  handshakeThreshold: 16,
  unreadAgeMs: 250,
  idleGapMs: 1000,
  conditions: [],
  refreshIntervalMs: 1000,
  sweepIntervalMs: 2000,
  fullRefreshIntervalMs: 30_000,
  sweepCpuMaxPpm: 3000,
};

export class FakeLink implements SensorLink {
  readonly stream: Duplex;
  readonly ended: Promise<string>;
  /** What the daemon sent, one command a chunk. */
  readonly commands: Buffer[] = [];
  closes = 0;
  /** Whether the daemon's commands are read. */
  isReading = true;
  #end: (reason: string) => void = () => undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        this.commands.push(chunk);
        if (this.isReading) {
          done();
        }
      },
    });
  }

  close(): void {
    this.closes += 1;
    this.stream.destroy();
    this.#end('it exited with status 0');
  }

  /** The sensor says something. */
  async say(...parts: readonly Uint8Array[]): Promise<void> {
    this.stream.push(Buffer.concat(parts));
    await turn();
  }

  /** The sensor ends. */
  async die(reason: string): Promise<void> {
    this.stream.push(null);
    await turn();
    this.#end(reason);
    await turn();
  }
}

/** All that a sensor says before its reports, in one piece. */
export function handshake(): Uint8Array {
  return Buffer.concat(['hello', 'program', 'mode', 'feature', 'clock', 'ready'].map(goldenBytes));
}
