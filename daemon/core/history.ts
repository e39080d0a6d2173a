/** What is kept on disk of a stream (of connections, of alerts), as those who write and read it know it. */

/** One entry of a log. Label and payload belong to whoever appended them. */
export interface LogEntry {
  /** Place in the log: 1 more than the entry before. */
  readonly sequence: number;
  /** Wall time, microseconds since 1970. */
  readonly timeUs: number;
  /** What can be known of it without decoding the payload. */
  readonly label: string;
  readonly payload: Uint8Array;
}

/** What an entry is; made when it is written, since making it can take time. */
export type LogContent = Pick<LogEntry, 'label' | 'payload'>;

/** What follows the asked place is not there any more, or never reached the disk. */
export class LogGapError extends Error {
  override readonly name = 'LogGapError';
}

/** The changes of a stream, numbered over restarts. */
export interface ChangeJournal {
  /** Of this run of the daemon: a UUID. */
  readonly run: string;
  /** Sequence number of the newest change. */
  readonly last: number;
  /** Sequence number after which every change can be read. */
  readonly floor: number;
  /** Never blocks and never fails. @returns the sequence number of the change */
  append(timeUs: number, content: () => LogContent): number;
  /** Nobody can read over this place: what follows is not all that happened. */
  cut(): void;
  /** True if every change after this place can be read. */
  reaches(run: string, sequence: number): boolean;
  /**
   * Changes after `after`, up to the newest at the time when they are asked for, in order and complete.
   * @throws LogGapError if they are not all there
   */
  read(after: number): AsyncIterable<readonly LogEntry[]>;
}

/** Items as they were when they ended. */
export interface EndedItems {
  append(timeUs: number, content: () => LogContent): number;
  /**
   * All that can be read, oldest end first; also what the disk has not taken yet.
   * @param sinceMs leaves out most of what ended before, milliseconds since 1970
   */
  readAll(sinceMs: number): AsyncIterable<readonly LogEntry[]>;
}

export interface StreamHistory {
  readonly journal: ChangeJournal;
  readonly ended: EndedItems;
  /** @param visit gets every change that earlier runs left. Never rejects. */
  open(visit: (entry: LogEntry) => void): Promise<void>;
}
