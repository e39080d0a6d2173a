// Proves of each tracepoint that its program reports what it is attached for, with nothing of the daemon in between: the
// daemon is built so that one report makes up for another, and its tests cannot tell them apart. Passes run only at the
// start, so that every report is an event's.
// It cannot prove what is made of the reports; the other kernel tests do.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SnapshotCause, SocketSnapshot } from '../../daemon/core/snapshot.js';
import { spawnSensor } from '../../daemon/sensor/sensor-link.js';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import { SensorSession } from '../../daemon/sensor/sensor-session.js';
import { createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS, type TwoHosts, waitFor } from '../support/lab.js';
import { Sockprog } from '../support/sockprog.js';
import { switchedOff } from '../support/stuckd.js';

const skip = labSkipReason();
const PORT = 8000;
const ETIMEDOUT = 110;
const HOUR_MS = 3_600_000;

/** Thresholds of 1, so that nothing takes longer than it must. */
const CONFIGURATION = {
  rtoThreshold: 1,
  synThreshold: 1,
  probeThreshold: 1,
  refreshIntervalMs: HOUR_MS,
  sweepIntervalMs: HOUR_MS,
  fullRefreshIntervalMs: HOUR_MS,
};

/** The events of a sensor that serves this test alone. */
class EventLog {
  readonly #events: SocketSnapshot[] = [];

  static async start(test: Ending): Promise<EventLog> {
    const log = new EventLog();
    let swept = false;
    const link = spawnSensor(builtSensorPath(), switchedOff(), () => undefined);
    const session = new SensorSession(link, CONFIGURATION, {
      ready: () => undefined,
      records: (records) => {
        for (const record of records) {
          if (record.type === 'socket' && record.socket.passId === 0) {
            log.#events.push(record.socket);
          }
          swept ||= record.type === 'pass' && record.pass.kind === 'sweep' && record.pass.edge === 'end';
        }
      },
    });
    const ended = session.run();
    test.after(async () => {
      session.close();
      await ended;
    });
    await waitFor(() => swept, { what: 'the first sweep' });
    return log;
  }

  /** Waits for an event of the client's socket with this local port. */
  async wait(hosts: TwoHosts, localPort: number, cause: SnapshotCause): Promise<SocketSnapshot> {
    return waitFor(
      () =>
        this.#events.find(
          (event) => event.cause === cause && event.local.port === localPort && event.netns === hosts.client.inode,
        ),
      { what: `${cause} of port ${localPort}`, timeoutMs: 20_000 },
    );
  }
}

interface Stage {
  readonly hosts: TwoHosts;
  readonly log: EventLog;
  readonly client: Sockprog;
  readonly server: Sockprog;
}

async function setStage(t: Ending): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=sink`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  return { hosts, log: await EventLog.start(t), client, server };
}

/** Connects, and gives the local port. */
async function connect({ client }: Stage, options = ''): Promise<number> {
  const { localPort } = await client.connect('a', SERVER_ADDRESS, PORT, options);
  assert.ok(localPort !== undefined);
  return localPort;
}

/** A connection with data in flight into a black hole. */
async function blackHole(stage: Stage, options = ''): Promise<number> {
  const port = await connect(stage, options);
  await stage.hosts.link.cut();
  await stage.client.command('send a 100');
  await stage.log.wait(stage.hosts, port, 'retransmit');
  return port;
}

describe('events', { skip, concurrency: 4 }, () => {
  test('the kernel gives up: tcp_retransmit_skb, inet_sock_set_state, inet_sk_error_report, tcp_destroy_sock', async (t) => {
    const stage = await setStage(t);
    const port = await blackHole(stage, 'user_timeout=1500');
    const state = await stage.log.wait(stage.hosts, port, 'state');
    assert.deepEqual([state.oldState, state.state, state.skErr], [1, 7, ETIMEDOUT]);
    assert.equal((await stage.log.wait(stage.hosts, port, 'error')).skErr, ETIMEDOUT);
    await stage.client.command('close a');
    assert.equal((await stage.log.wait(stage.hosts, port, 'destroy')).state, 7);
  });

  test('the application aborts: tcp_send_reset', async (t) => {
    const stage = await setStage(t);
    const port = await blackHole(stage);
    await stage.client.command('set a linger=0');
    await stage.client.command('close a');
    await stage.log.wait(stage.hosts, port, 'reset_sent');
    const { closerTgid, closerExiting } = await stage.log.wait(stage.hosts, port, 'state');
    assert.deepEqual([closerTgid, closerExiting], [stage.client.pid, false]);
  });

  test('the peer comes back: tcp_cong_state_set', async (t) => {
    const stage = await setStage(t);
    const port = await blackHole(stage);
    await stage.hosts.link.heal();
    const { retransmits, packetsOut } = await stage.log.wait(stage.hosts, port, 'congestion');
    assert.deepEqual([retransmits, packetsOut], [0, 0]);
  });

  test('the peer has forgotten the connection: tcp_receive_reset', async (t) => {
    const stage = await setStage(t);
    const port = await blackHole(stage);
    await stage.server.command('set l.1 linger=0');
    await stage.server.command('close l.1'); // its RST is lost
    await stage.hosts.link.heal();
    assert.equal((await stage.log.wait(stage.hosts, port, 'reset_received')).dead, false);
  });

  test('keepalive probes are not answered: timer_expire_entry', async (t) => {
    const stage = await setStage(t);
    const port = await connect(stage, 'keepalive=1 idle=1 intvl=1 cnt=5');
    await stage.hosts.link.cut();
    assert.equal((await stage.log.wait(stage.hosts, port, 'keepalive')).untrusted, true);
  });
});
