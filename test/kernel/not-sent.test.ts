// Proves on the running kernel that data which this host itself does not let out becomes a record of kind retransmitting
// that says so, whether the data was sent when the firewall's output rule stood already (it then never counts as sent, and
// the persist timer tries again although the peer's window is open) or before (it is retransmitted); that the forecast
// holds, and that the record ends as recovered when the rule goes.
// It cannot prove that other ways to keep a segment from leaving (no route, a full queue) look the same.
import assert from 'node:assert/strict';
import { release } from 'node:os';
import { describe, test, type TestContext } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, waitFor, type TwoHosts } from '../support/lab.js';
import {
  assertOnlyRecord,
  assertOwner,
  tcpCounter,
  timelineTexts,
  waitForecastTimeout,
} from '../support/record-checks.js';
import { isPolling } from '../support/sensor-mode.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';

const skip = labSkipReason();
const PORT = 8000;

const REFUSAL = `table inet refusal {
  chain output {
    type filter hook output priority 0; policy accept;
    tcp dport ${PORT} drop
  }
}
`;

/** Since this release the tracepoint of a retransmission also fires where it failed, and tells the error. */
const TELLS_ERROR = [6, 17];

function kernelTellsError(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const [knownMajor = 0, knownMinor = 0] = TELLS_ERROR;
  return major > knownMajor || (major === knownMajor && minor >= knownMinor);
}

/** Lets the first full segment out, and refuses all that follow. */
const REFUSAL_AFTER_FIRST = `table ip refusal {
  chain output {
    type filter hook output priority 0; policy accept;
    tcp dport ${PORT} ip length > 1000 quota over 1500 bytes drop
  }
}
`;

interface Stage {
  readonly hosts: TwoHosts;
  readonly client: Sockprog;
}

async function setStage(t: TestContext, retries2: number): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', retries2);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=report`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  await client.connect('a', SERVER_ADDRESS, PORT);
  await client.command('send a 7');
  await waitFor(async () => (await client.info('a')).unacked === 0, { what: 'the ACK of the first bytes' });
  return { hosts, client };
}

async function refuse({ hosts }: Stage, rules = REFUSAL): Promise<void> {
  await hosts.lab.run(hosts.client, ['nft', '-f', '-'], { input: rules });
}

describe('an output rule drops what is sent', { skip, concurrency: atOnce(4) }, () => {
  const stuckd = sharedStuckd();

  test('before the data is sent: it times out as was said', async (t) => {
    const stage = await setStage(t, 5);
    const { hosts, client } = stage;
    await refuse(stage);
    await client.command('send a 1000');
    const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
    assert.equal(opened.cause, 'STUCK_CAUSE_NOT_SENT');
    assert.equal(opened.state, 'ESTABLISHED');
    assert.equal(opened.unsentBytes, '1000');
    assert.equal(opened.unackedBytes, undefined, 'nothing of it counts as sent');
    assert.equal(opened.giveUp?.reason, 'GIVE_UP_REASON_TCP_RETRIES2');
    assert.equal(opened.giveUp.expectedError, 'ETIMEDOUT');
    assert.match(
      JSON.stringify(opened.diagnosis),
      /attempts refused, 1000 bytes queued, this host itself does not let them out/,
    );
    assertOwner((await stuckd().waitOwner(opened.id)).owner, { pid: client.pid, comm: 'sockprog' });
    const ended = await waitForecastTimeout(stuckd(), opened, client);
    assert.equal(ended.kind, 'STUCK_KIND_RETRANSMITTING');
    const texts = timelineTexts(await stuckd().get(opened.id));
    assert.match(texts[1] ?? '', /^detected: this host has refused to send it [3-5] times in a row$/);
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
    assert.equal(tcpCounter(client, 'TCPTimeouts'), 0, 'no RTO: the persist timer has tried');
  });

  test('while the data is in flight: it times out as was said', async (t) => {
    const stage = await setStage(t, 5);
    const { hosts, client } = stage;
    await refuse(stage, REFUSAL_AFTER_FIRST);
    await hosts.link.cut('to_far');
    await client.command('send a 1000');
    const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
    if (kernelTellsError() && !isPolling) {
      assert.equal(opened.cause, 'STUCK_CAUSE_NOT_SENT');
    }
    assert.equal(opened.unackedBytes, '1000');
    await waitForecastTimeout(stuckd(), opened, client);
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
  });

  test('until the rule goes: the record recovers', async (t) => {
    const stage = await setStage(t, 15);
    const { hosts, client } = stage;
    await refuse(stage);
    await client.command('send a 1000');
    const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
    await hosts.lab.run(hosts.client, ['nft', 'delete', 'table', 'inet', 'refusal']);
    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assert.equal((await client.info('a')).unacked, 0);
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
  });
});
