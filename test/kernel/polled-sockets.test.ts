// Proves on the running kernel what a sensor that polls makes of sockets whose dump alone does not tell: one that the kernel
// has ended is told for as long as a descriptor is left, and then that it is gone; one whose peer acknowledged all in the end is
// told from one that was given up; totals of a peer, a listener and a process; and that a network namespace of which nothing
// is left is not kept in existence by the sensor's own socket in it.
// It cannot prove that no socket is passed by while thousands come and go: the kernel does not promise that.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { PolledSocket } from '../../daemon/core/polled-socket.js';
import type { SensorRecord } from '../../daemon/core/sensor-records.js';
import { TCP_STATE } from '../../daemon/core/snapshot.js';
import { spawnSensor } from '../../daemon/sensor/sensor-link.js';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import { SensorSession } from '../../daemon/sensor/sensor-session.js';
import { encodeCount } from '../../daemon/wire/command-encoder.js';
import { createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS, type TwoHosts, waitFor } from '../support/lab.js';
import { SENSOR_UNDER_TEST } from '../support/sensor-under-test.js';
import { Sockprog } from '../support/sockprog.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const PORT = 8000;
/** Totals of a peer are those of all namespaces, the other tests' too. */
const TOTALS_PORT = 8007;
const skip = labSkipReason();

/** A sensor that polls, often, and what it has told of one namespace. */
class PollingSensor {
  readonly records: SensorRecord[] = [];
  readonly #session: SensorSession;
  #isReady = false;

  private constructor(test: Ending) {
    const path = join(temporaryDirectory(), 'stuckd-sensor');
    writeFileSync(path, `#!/bin/sh\nexec '${builtSensorPath()}' "$@" --mode polling\n`);
    chmodSync(path, 0o755);
    const intervals = { refreshIntervalMs: 100, sweepIntervalMs: 300, fullRefreshIntervalMs: 500 };
    this.#session = new SensorSession(
      spawnSensor(path, [], () => undefined),
      { ...SENSOR_UNDER_TEST, ...intervals },
      {
        ready: () => {
          this.#isReady = true;
        },
        records: (records) => {
          this.records.push(...records);
        },
      },
    );
    const ended = this.#session.run();
    test.after(async () => {
      this.#session.close();
      await ended;
    });
  }

  static async start(test: Ending): Promise<PollingSensor> {
    const sensor = new PollingSensor(test);
    await waitFor(() => Promise.resolve(sensor.#isReady), { what: 'a sensor' });
    return sensor;
  }

  send(command: Uint8Array): void {
    this.#session.send(command);
  }

  async waitRecord<T extends SensorRecord>(what: string, matches: (record: SensorRecord) => record is T): Promise<T> {
    await waitFor(() => Promise.resolve(this.records.some(matches)), { what });
    const found = this.records.find(matches);
    assert.ok(found !== undefined);
    return found;
  }

  async waitPolled(what: string, matches: (polled: PolledSocket) => boolean): Promise<PolledSocket> {
    const isIt = (record: SensorRecord): record is Extract<SensorRecord, { type: 'polled' }> =>
      record.type === 'polled' && matches(record.polled);
    return (await this.waitRecord(what, isIt)).polled;
  }
}

interface Stage {
  readonly hosts: TwoHosts;
  readonly server: Sockprog;
  readonly client: Sockprog;
}

async function setStage(t: Ending, port = PORT): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${port}`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  return { hosts, server, client };
}

describe('a sensor that polls', { skip, concurrency: 2 }, () => {
  test('what the kernel has ended is told while a descriptor is left, and that it is gone', async (t) => {
    const { hosts, client } = await setStage(t);
    const sensor = await PollingSensor.start(t);
    await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', 2);
    await client.connect('a', SERVER_ADDRESS, PORT);
    await hosts.link.cut();
    await client.command('send a 100');
    const { inode: netns } = hosts.client;
    const stuck = await sensor.waitPolled('RTOs', (polled) => polled.netns === netns && polled.retransmits > 0);
    assert.equal(stuck.state, TCP_STATE.ESTABLISHED);
    assert.ok(stuck.hasSysctls);
    assert.equal(stuck.sysctlRetries2, 2, 'the sysctl of its own namespace');
    const isIt = ({ cookie, netns: where }: PolledSocket): boolean => cookie === stuck.cookie && where === netns;
    const left = await sensor.waitPolled('its end', (polled) => isIt(polled) && polled.state === TCP_STATE.CLOSE);
    assert.deepEqual([left.inode, left.infoSize], [stuck.inode, 0]);
    assert.notEqual(left.cause, 'destroy');
    await client.command('close a');
    const gone = await sensor.waitPolled('that it is gone', (polled) => isIt(polled) && polled.cause === 'destroy');
    assert.deepEqual([gone.state, gone.inode], [TCP_STATE.CLOSE, 0]);
  });

  test('an orphan whose data arrived after all was answered, one that was given up was not', async (t) => {
    const { hosts, client } = await setStage(t);
    const sensor = await PollingSensor.start(t);
    await client.connect('a', SERVER_ADDRESS, PORT);
    await hosts.link.cut();
    await client.command('send a 100');
    await client.command('close a');
    const { inode: netns } = hosts.client;
    const orphan = await sensor.waitPolled(
      'an orphan',
      (polled) => polled.netns === netns && polled.state === TCP_STATE.FIN_WAIT1 && polled.retransmits > 0,
    );
    assert.equal(orphan.inode, 0);
    await hosts.link.heal();
    const gone = await sensor.waitPolled(
      'that it is gone',
      ({ cookie, netns: where, cause }) => cookie === orphan.cookie && where === netns && cause === 'destroy',
    );
    assert.deepEqual([gone.state, gone.sendQueue], [TCP_STATE.TIME_WAIT, 0]);
    assert.equal(gone.bytesAcked, orphan.bytesAcked + orphan.sendQueue);
  });

  test('totals of a peer, a listener and a process', async (t) => {
    const { hosts, client, server } = await setStage(t, TOTALS_PORT);
    const sensor = await PollingSensor.start(t);
    await client.connect('a', SERVER_ADDRESS, TOTALS_PORT);
    await client.connect('b', SERVER_ADDRESS, TOTALS_PORT);
    await client.connect('c', SERVER_ADDRESS, TOTALS_PORT);
    await hosts.link.cut();
    await client.command(`connect d ${SERVER_ADDRESS} ${TOTALS_PORT}`);
    sensor.send(encodeCount(7, { kind: 'peer', peer: { address: SERVER_ADDRESS, port: TOTALS_PORT, netns: 0 } }));
    sensor.send(encodeCount(8, { kind: 'listener', port: TOTALS_PORT }));
    sensor.send(encodeCount(9, { kind: 'process', pid: server.pid }));
    const peer = await sensor.waitRecord('a peer', isInterest(7));
    assert.deepEqual([peer.interest.connections, peer.interest.connecting], [4, 1]);
    const listener = await sensor.waitRecord('a listener', isInterest(8));
    assert.deepEqual([listener.interest.connections, listener.interest.connecting], [3, 0]);
    assert.ok(listener.interest.heardAgeJiffies < 2 ** 31, 'the others were heard of');
    const held = await sensor.waitRecord('what the client has', isHolding(client.pid, 7));
    assert.equal(held.holding.connections, 4);
    const all = await sensor.waitRecord('what the server has', isHolding(server.pid, 0));
    assert.equal(all.holding.connections, 3);
  });

  test('a namespace of which nothing is left is let go', async (t) => {
    const { hosts, client } = await setStage(t);
    const sensor = await PollingSensor.start(t);
    await client.connect('a', SERVER_ADDRESS, PORT);
    await hosts.link.cut();
    await client.command('send a 100');
    await sensor.waitPolled('RTOs', ({ netns, retransmits }) => netns === hosts.client.inode && retransmits > 0);
    await hosts.link.heal(); // an orphan would keep it as well
    await waitFor(async () => (await client.info('a')).unacked === 0, { what: 'an acknowledgement' });
    process.kill(client.pid, 'SIGKILL');
    await hosts.lab.removeNamespace(hosts.client);
    // The cable goes with either of its ends, and that end with its namespace.
    const isCut = async (): Promise<boolean> =>
      !(await hosts.lab.run(hosts.server, ['ip', '-br', 'link'])).includes('@');
    await waitFor(isCut, { what: 'the end of the namespace' });
  });
});

function isInterest(id: number) {
  return (record: SensorRecord): record is Extract<SensorRecord, { type: 'interest' }> =>
    record.type === 'interest' && record.interest.interestId === id && record.interest.connections > 0;
}

function isHolding(pid: number, interestId: number) {
  return (record: SensorRecord): record is Extract<SensorRecord, { type: 'holding' }> =>
    record.type === 'holding' && record.holding.pid === pid && record.holding.interestId === interestId;
}
