/**
 * Alerts that fire, on disk, so that a restart of the daemon neither lets them fire anew nor forgets that they did; and what
 * came to its end lately, which delays its coming back. Connections of alerts are open records, which have their own file.
 */
import { readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import type { SavedAlerts } from '../core/alerts/alert-messages.js';
import { onOtherClocks } from '../core/alerts/restore.js';
import type { WallClock } from '../core/ports.js';
import { moveAside, replaceFile } from './replace-file.js';
import { FORMAT_VERSION, savedAlertsSchema, toStored } from './saved-alerts-schema.js';

const FILE_NAME = 'firing-alerts.json';

/** Of what is wrong with a file, in characters. */
const REASON_MAX = 300;

export interface LoadedAlerts {
  readonly saved: SavedAlerts;
  /** Otherwise the machine has been started since, and times are told on the clocks of now. */
  readonly isSameBoot: boolean;
  /** Why nothing of the file could be used; it is then kept beside. */
  readonly problem: string | null;
}

const NOTHING: LoadedAlerts = { saved: { alerts: [], ends: [] }, isSameBoot: true, problem: null };

export class FiringAlertStore {
  readonly #path: string;
  readonly #clock: WallClock;
  readonly #bootId: string;
  #writing: Promise<void> = Promise.resolve();

  /** @param bootId of the running machine */
  constructor(directory: string, clock: WallClock, bootId: string = currentBootId()) {
    this.#path = join(directory, FILE_NAME);
    this.#clock = clock;
    this.#bootId = bootId;
  }

  /** @throws Error if the file can neither be read nor moved. */
  async load(): Promise<LoadedAlerts> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        return NOTHING;
      }
      throw error;
    }
    try {
      const { bootId, monoToRealUs, bootToRealUs, alerts, ends } = savedAlertsSchema.parse(JSON.parse(text));
      const saved = { alerts, ends };
      if (bootId === this.#bootId) {
        return { saved, isSameBoot: true, problem: null };
      }
      const now = this.#offsets();
      const shifts = [monoToRealUs - now.monoToRealUs, bootToRealUs - now.bootToRealUs] as const;
      return { saved: onOtherClocks(saved, ...shifts), isSameBoot: false, problem: null };
    } catch (error) {
      const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
      const aside = await moveAside(this.#path);
      const why = reason.replace(/\s+/g, ' ').slice(0, REASON_MAX);
      return { ...NOTHING, problem: `${this.#path} cannot be understood (${why}); it was moved to ${aside}` };
    }
  }

  /** Replaces the file. Calls queue up. @throws Error if the disk is full or the directory is gone; the old file stays. */
  async save(saved: SavedAlerts): Promise<void> {
    const write = this.#writing.then(() => this.#write(saved));
    // A failed write must not keep the next one from being tried.
    this.#writing = write.catch(() => undefined);
    await write;
  }

  async #write({ alerts, ends }: SavedAlerts): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o750 });
    const header = { version: FORMAT_VERSION, bootId: this.#bootId, ...this.#offsets() };
    await replaceFile(this.#path, [`${JSON.stringify({ ...header, alerts: alerts.map(toStored), ends })}\n`]);
  }

  #offsets(): { readonly monoToRealUs: number; readonly bootToRealUs: number } {
    return { monoToRealUs: this.#clock.monoToRealUs(0), bootToRealUs: this.#clock.bootToRealUs(0) };
  }
}

/** A new one each time the machine is started; everybody may read it. */
function currentBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
