/**
 * Proves that no pass is complete before the events from before it, however slowly they are read. A pass is believed: what
 * it did not find has ended, and what it did not report is unchanged, unless an event that comes late says otherwise. Here
 * thousands of marked sockets end at once, which leaves the passes nothing to tell, so that they could overtake the events.
 * And it proves that they do come to their end, once the events have been read.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SensorRecord } from '../../daemon/core/sensor-records.js';
import { spawnSensor } from '../../daemon/sensor/sensor-link.js';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import { SensorSession } from '../../daemon/sensor/sensor-session.js';
import { labSkipReason } from '../support/lab.js';
import { Notice } from '../support/notice.js';
import { monoUs, SENSOR_UNDER_TEST } from '../support/sensor-under-test.js';
import { StuckCrowd } from '../support/stuck-crowd.js';
import { waitFor } from '../support/wait-for.js';

const CROWD = 5000;
/** A piece holds some 200 records, and a few pieces take longer than the sensor lets a pass wait for events. */
const PIECE_MS = 150;

/** Reads what a sensor tells, and compares the order with the times. */
class SlowReader {
  retransmits = 0;
  destroyed = 0;
  /** Events that came behind the end of a pass that began after them. */
  late = 0;
  /** When the passes began of which the end came. CLOCK_MONOTONIC, microseconds, as are all times here. */
  readonly passesBeganUs: number[] = [];
  /** Of the ends of sockets, when the first and the last happened, and when the last had been read. */
  firstDestroyUs = Infinity;
  lastDestroyUs = 0;
  allReadUs = Infinity;
  isSlow = false;
  readonly notice = new Notice();
  readonly #netns: number;
  #beginUs = 0;
  #wholeUs = 0;
  readonly #pause = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

  /** @param netns inode number of the namespace whose sockets count */
  constructor(netns: number) {
    this.#netns = netns;
  }

  read(records: readonly SensorRecord[]): void {
    for (const record of records) {
      this.#take(record);
    }
    this.notice.give();
    if (this.isSlow && this.destroyed < CROWD) {
      Atomics.wait(this.#pause, 0, 0, PIECE_MS);
    }
  }

  #take(record: SensorRecord): void {
    if (record.type === 'pass') {
      if (record.pass.edge === 'begin') {
        this.#beginUs = record.pass.monoUs;
      } else {
        this.#wholeUs = this.#beginUs;
        this.passesBeganUs.push(this.#beginUs);
      }
    } else if (record.type === 'socket' && record.socket.passId === 0 && record.socket.netns === this.#netns) {
      this.retransmits += record.socket.cause === 'retransmit' ? 1 : 0;
      this.late += record.socket.monoUs < this.#wholeUs ? 1 : 0;
      if (record.socket.cause === 'destroy') {
        this.#takeEnd(record.socket.monoUs);
      }
    }
  }

  #takeEnd(atUs: number): void {
    this.destroyed += 1;
    this.firstDestroyUs = Math.min(this.firstDestroyUs, atUs);
    this.lastDestroyUs = Math.max(this.lastDestroyUs, atUs);
    if (this.destroyed === CROWD) {
      this.allReadUs = monoUs();
    }
  }
}

test('events that are read slowly stay ahead of passes', { skip: labSkipReason() }, async (t) => {
  const crowd = await StuckCrowd.open(t, CROWD);
  const reader = new SlowReader(crowd.load.client.inode);
  const intervals = { refreshIntervalMs: 50, sweepIntervalMs: 100, fullRefreshIntervalMs: 50 };
  const configuration = { ...SENSOR_UNDER_TEST, ...intervals };
  const session = new SensorSession(
    spawnSensor(builtSensorPath(), [], () => undefined),
    configuration,
    {
      ready: () => undefined,
      records: (records) => {
        reader.read(records);
      },
    },
  );
  const ended = session.run();
  t.after(async () => {
    session.close();
    await ended;
  });

  await crowd.blackHole();
  await waitFor(() => reader.retransmits >= CROWD, { what: 'an event of each', notice: reader.notice });
  reader.isSlow = true;
  await crowd.load.killClients();
  await waitFor(() => reader.destroyed >= CROWD, { what: 'the end of each', notice: reader.notice });
  await waitFor(() => reader.passesBeganUs.some((beginUs) => beginUs > reader.lastDestroyUs), {
    what: 'the end of a pass that is younger than all events',
    notice: reader.notice,
  });
  const canOvertake = (beginUs: number): boolean => beginUs > reader.firstDestroyUs && beginUs < reader.allReadUs;
  assert.ok(reader.passesBeganUs.some(canOvertake), 'a pass began before all events had been read');
  assert.equal(reader.late, 0, 'events came behind the end of passes that are younger');
});
