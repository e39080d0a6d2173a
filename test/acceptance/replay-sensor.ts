/** A sensor that is none: it listens on a unix socket, shakes hands as the real one, and sends what it is given. */
import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { SystemClock } from '../../daemon/lib/system-clock.js';
import { COMMAND_KIND, CONFIGURE_COMMAND, RECORD_HEADER } from '../../daemon/wire/layout.generated.js';
import { waitFor } from '../support/wait-for.js';

/** The time of the recorded machine: it stands still until the replay moves it on. */
export class ReplayClock extends SystemClock {
  #nowUs = 0;

  override nowUs(): number {
    return this.#nowUs;
  }

  advance(nowUs: number): void {
    this.#nowUs = Math.max(this.#nowUs, nowUs);
  }
}

/** A command that the daemon sent. */
export interface ReceivedCommand {
  readonly kind: number;
  readonly view: DataView;
}

/** No size is that of a record or a divisor of one, so that every record is cut somewhere, and several share a chunk. */
const CHUNK_SIZES = [1, 7, 3, 131, 17, 611, 5, 1021, 43] as const;

/** One daemon that is connected. */
export class ReplayConnection {
  readonly commands: ReceivedCommand[] = [];
  /** Bytes that were sent, and with that the offset of the next one. */
  sent = 0;
  isClosed = false;
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #chunks = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#readCommands();
    });
  }

  /** @returns the number of commands of this kind so far */
  count(kind: number): number {
    return this.commands.filter((command) => command.kind === kind).length;
  }

  async untilConfigured(): Promise<void> {
    await waitFor(() => this.count(COMMAND_KIND.COMMAND_CONFIGURE) > 0, { what: 'a CONFIGURE command' });
  }

  /** Sends bytes in odd chunks. When this returns the daemon, which runs in this process, has taken them. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let position = 0; position < bytes.length && !this.isClosed;) {
      const size = CHUNK_SIZES[this.#chunks % CHUNK_SIZES.length] ?? 1;
      const chunk = bytes.subarray(position, position + size);
      this.#chunks += 1;
      position += chunk.length;
      await new Promise<void>((resolve) => {
        this.#socket.write(chunk, () => {
          resolve();
        });
      });
      // One turn of the event loop notices that the daemon's end can be read, at most one more reads it.
      await turn();
      await turn();
      this.sent += chunk.length;
    }
  }

  /** Ends the stream, as a process that dies does. */
  async end(): Promise<void> {
    this.#socket.end();
    await waitFor(() => this.isClosed, { what: 'the end of the connection' });
  }

  #readCommands(): void {
    for (;;) {
      const { buffer, byteOffset, length } = this.#received;
      const size = length < 8 ? Infinity : this.#received.readUInt32LE(RECORD_HEADER.size);
      if (length < size) {
        return;
      }
      const view = new DataView(buffer, byteOffset, size);
      this.commands.push({ kind: view.getUint16(RECORD_HEADER.kind, true), view });
      this.#received = this.#received.subarray(size);
    }
  }
}

/** @returns the number at an offset of a CONFIGURE command */
export function configured(command: ReceivedCommand, field: keyof typeof CONFIGURE_COMMAND): number {
  return command.view.getUint32(CONFIGURE_COMMAND[field], true);
}

export class ReplaySensor {
  readonly #server: Server;
  readonly #waiting: ReplayConnection[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(path: string) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      this.#waiting.push(new ReplayConnection(socket));
    }).listen(path);
  }

  /** Waits for a daemon, past or to come. */
  async accept(): Promise<ReplayConnection> {
    return waitFor(() => this.#waiting.shift(), { what: 'a daemon that connects to the sensor' });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }
}
