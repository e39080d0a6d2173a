// Proves that a sweep looks closely at every established socket that is not entirely at rest, also where no event has ever
// told of it: one with data that nobody reads, one with a single unanswered keepalive probe, and one that is watched, which
// has empty queues and is healthy. The sensor starts when the first two are as they are, so that only the sweep can tell.
// It cannot prove that sockets at rest are passed over cheaply; `npm run bench -- sweep` tells.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { connectField, setFieldStage } from '../support/field-stage.js';
import { labSkipReason, waitFor } from '../support/lab.js';
import { notPolled } from '../support/sensor-mode.js';
import { SensorUnderTest } from '../support/sensor-under-test.js';
import { waitAcked } from '../support/waiting-stage.js';

const skip = notPolled('it is about a short cut in the sweep of the BPF program') || labSkipReason();

describe('sockets that a sweep must not take to be at rest', { skip, concurrency: atOnce(3) }, () => {
  test('a healthy one with empty queues that is watched', async (t) => {
    const stage = await setFieldStage(t);
    const socket = await connectField(stage, 'a');
    const sensor = await SensorUnderTest.start(t);
    assert.equal(await sensor.visit(socket.cookie, 'sweep'), undefined, 'there is nothing to tell of it');
    const { rcvNxt, copiedSeq, writeSeq, sndUna, probesOut } = await sensor.snapshot(socket.cookie);
    assert.deepEqual([rcvNxt - copiedSeq, writeSeq - sndUna, probesOut], [0, 0, 0]);
  });

  test('one with data that nobody reads', async (t) => {
    const stage = await setFieldStage(t);
    const socket = await connectField(stage, 'a', 'mode=silent');
    await stage.server.waitEvent({ event: 'accepted', id: 'l.1' });
    await stage.server.command('send l.1 10');
    await waitAcked(stage.server, 'l.1');
    const sensor = await SensorUnderTest.start(t, { configuration: { conditions: ['unread'] } });
    const visit = await sensor.visit(socket.cookie, 'sweep');
    assert.ok(visit !== undefined, 'a sweep tells of it');
    assert.equal(visit.rcvNxt - visit.copiedSeq, 10);
  });

  test('one with an unanswered keepalive probe', async (t) => {
    const stage = await setFieldStage(t);
    const socket = await connectField(stage, 'a', 'idle=1 intvl=3600');
    await stage.server.waitEvent({ event: 'accepted', id: 'l.1' });
    await stage.hosts.link.cut();
    await stage.client.command('set a keepalive=1');
    await waitFor(() => socket.proc().probes === 1, { what: 'the only probe in an hour' });
    const sensor = await SensorUnderTest.start(t);
    const visit = await sensor.visit(socket.cookie, 'sweep');
    assert.ok(visit !== undefined, 'a sweep tells of it');
    assert.deepEqual([visit.probesOut, visit.writeSeq - visit.sndUna], [1, 0]);
  });
});
