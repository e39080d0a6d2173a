// Proves what the calls about receivers answer, page by page, and what stuckctl makes of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { CliIo } from '../../../daemon/cli/cli-io.js';
import { deliveries, formatDeliveries, testReceiver as testCommand } from '../../../daemon/cli/deliveries-command.js';
import { parseCommand } from '../../../daemon/cli/arguments.js';
import type { Delivery, DeliverySource } from '../../../daemon/core/delivery.js';
import { alertToJson } from '../../../daemon/rpc/alert-json.js';
import { deliveryToProto, listDeliveries, retryDelivery, testReceiver } from '../../../daemon/rpc/delivery-service.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import type { StuckdClient } from '../../../daemon/rpc/grpc-client.js';
import { encodePageToken } from '../../../daemon/rpc/page-token.js';
import { toProtoJson } from '../../../daemon/rpc/proto-json.js';
import { RpcError } from '../../../daemon/rpc/status.js';

const NOW_MS = Date.UTC(2026, 10, 22, 6, 0, 0);

function createDelivery(id: string, changes: Partial<Delivery> = {}): Delivery {
  return {
    ...{ id, receiver: 'hook', replica: 1, alertId: 'a1', attempts: 2 },
    event: 'fired',
    state: 'pending',
    ...{ acceptedMs: NOW_MS - 60_000, lastAttemptMs: NOW_MS - 5000, nextAttemptMs: NOW_MS + 4200, endMs: null },
    ...{ httpStatus: 503, lastError: 'HTTP 503 Service Unavailable', summary: 'node is stuck' },
    ...changes,
  };
}

function createSource(items: readonly Delivery[]): DeliverySource {
  return {
    deliveries: () => items,
    retry: (id) => items.find((item) => item.id === id) ?? 'unknown',
    test: (name) =>
      Promise.resolve(
        name === 'hook'
          ? [
              { replica: 1, delivered: true, httpStatus: 200, error: '', durationMs: 12 },
              { replica: 2, delivered: false, httpStatus: 0, error: 'connection refused\u202e', durationMs: 1 },
            ]
          : name === 'busy'
            ? 'busy'
            : 'unknown',
      ),
  };
}

const request = (changes: stuckd.v1.ListDeliveriesRequest.$Properties = {}): stuckd.v1.ListDeliveriesRequest =>
  stuckd.v1.ListDeliveriesRequest.decode(stuckd.v1.ListDeliveriesRequest.encode(changes).finish());

const decodeDelivery = (delivery: Delivery): stuckd.v1.Delivery =>
  stuckd.v1.Delivery.decode(stuckd.v1.Delivery.encode(deliveryToProto(delivery)).finish());

function codeOf(act: () => unknown): status | null {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof RpcError);
    return error.code;
  }
  return null;
}

test('a delivery in JSON', () => {
  assert.deepEqual(toProtoJson(decodeDelivery(createDelivery('d1'))), {
    id: 'd1',
    receiver: 'hook',
    replica: 1,
    alertId: 'a1',
    event: 'DELIVERY_EVENT_FIRED',
    state: 'DELIVERY_STATE_PENDING',
    attempts: 2,
    acceptedTime: '2026-11-22T05:59:00Z',
    lastAttemptTime: '2026-11-22T05:59:55Z',
    nextAttemptTime: '2026-11-22T06:00:04.200Z',
    httpStatus: 503,
    lastError: 'HTTP 503 Service Unavailable',
    summary: 'node is stuck',
  });
  const ended = toProtoJson(decodeDelivery(createDelivery('d1', { state: 'dead', endMs: NOW_MS })));
  assert.ok(typeof ended === 'object' && ended !== null && !('nextAttemptTime' in ended) && 'endTime' in ended);
});

test('pages, in the order of acceptance, with filters', () => {
  const items = Array.from({ length: 250 }, (_unused, index) =>
    createDelivery(`d${999 - index}`, {
      acceptedMs: NOW_MS + index,
      receiver: index % 2 === 0 ? 'hook' : 'chat',
      state: index < 10 ? 'dead' : 'pending',
    }),
  );
  const source = createSource(items);
  const seen: (string | null | undefined)[] = [];
  let pageToken = '';
  do {
    const page = listDeliveries(source, request({ receivers: ['hook'], pageSize: 50, pageToken }));
    seen.push(...(page.deliveries ?? []).map(({ id }) => id));
    pageToken = page.nextPageToken ?? '';
  } while (pageToken !== '');
  assert.deepEqual(
    seen,
    items.filter(({ receiver }) => receiver === 'hook').map(({ id }) => id),
  );
  assert.equal(listDeliveries(source, request()).deliveries?.length, 100);
  const dead = listDeliveries(source, request({ states: [stuckd.v1.DeliveryState.DELIVERY_STATE_DEAD] }));
  assert.equal(dead.deliveries?.length, 10);
  assert.equal(listDeliveries(source, request({ alertIds: ['a2'] })).deliveries?.length, 0);
  assert.equal(
    codeOf(() => listDeliveries(source, request({ states: [77 as stuckd.v1.DeliveryState] }))),
    status.INVALID_ARGUMENT,
  );
  const { nextPageToken } = listDeliveries(source, request({ pageSize: 1 }));
  const token = nextPageToken ?? '';
  assert.equal(
    codeOf(() => listDeliveries(source, request({ receivers: ['chat'], pageToken: token }))),
    status.INVALID_ARGUMENT,
  );
  const ofAnotherList = encodePageToken(JSON.stringify([[], [], []]), 'd1');
  assert.equal(
    codeOf(() => listDeliveries(source, request({ pageToken: ofAnotherList }))),
    status.INVALID_ARGUMENT,
  );
});

test('pages of what drains meanwhile: nothing that stays is left out, or listed twice', () => {
  // Three at a time are accepted in one millisecond.
  const items = Array.from({ length: 300 }, (_unused, index) =>
    createDelivery(`d${(index * 7) % 300}`, { acceptedMs: NOW_MS + Math.floor(index / 3) }),
  );
  const waiting = { states: [stuckd.v1.DeliveryState.DELIVERY_STATE_PENDING] };
  const seen: string[] = [];
  let left = items;
  let pageToken = '';
  do {
    const page = listDeliveries(createSource(left), request({ ...waiting, pageSize: 25, pageToken }));
    seen.push(...(page.deliveries ?? []).map(({ id }) => id ?? ''));
    pageToken = page.nextPageToken ?? '';
    // What was listed is delivered, or gone, before the next page is asked for.
    left = left.flatMap((item) => {
      const isListed = seen.includes(item.id);
      return !isListed ? [item] : item.id.endsWith('0') ? [{ ...item, state: 'delivered' as const }] : [];
    });
  } while (pageToken !== '');
  assert.equal(seen.length, 300);
  assert.equal(new Set(seen).size, 300);
});

test('retry and test, and why they are refused', async () => {
  const source = createSource([createDelivery('d1')]);
  assert.equal(retryDelivery(source, 'd1').delivery?.id, 'd1');
  assert.equal(
    codeOf(() => retryDelivery(source, 'd2')),
    status.NOT_FOUND,
  );
  assert.equal(
    codeOf(() => retryDelivery({ ...source, retry: () => 'delivered' }, 'd1')),
    status.FAILED_PRECONDITION,
  );
  assert.equal(
    codeOf(() => retryDelivery({ ...source, retry: () => 'no_receiver' }, 'd1')),
    status.FAILED_PRECONDITION,
  );
  assert.equal((await testReceiver(source, 'hook')).answers?.length, 2);
  await assert.rejects(testReceiver(source, 'other'), { code: status.NOT_FOUND });
  await assert.rejects(testReceiver(source, 'busy'), { code: status.RESOURCE_EXHAUSTED });
});

test('an alert as webhooks send it', () => {
  const json = alertToJson({
    id: 'a1',
    kind: stuckd.v1.StuckKind.STUCK_KIND_CLOSING,
    startTime: { nanos: 0 },
    peer: { port: 1 },
  });
  assert.deepEqual(json, {
    id: 'a1',
    kind: 'STUCK_KIND_CLOSING',
    peer: { port: 1 },
    startTime: '1970-01-01T00:00:00Z',
  });
});

function createIo(): CliIo & { readonly out: string[]; readonly err: string[] } {
  const [out, err]: [string[], string[]] = [[], []];
  return {
    ...{ out, err, env: {}, isTerminal: false, terminal: null, columns: Infinity, nowMs: () => NOW_MS },
    write: (text) => {
      out.push(text);
      return Promise.resolve();
    },
    writeError: (text) => err.push(text),
    interruptSignal: () => new AbortController().signal,
  };
}

function createClient(items: readonly Delivery[]): StuckdClient {
  const source = createSource(items);
  return {
    listDeliveries: (wanted: stuckd.v1.ListDeliveriesRequest.$Properties) => {
      const bytes = stuckd.v1.ListDeliveriesResponse.encode(listDeliveries(source, request(wanted))).finish();
      return Promise.resolve(stuckd.v1.ListDeliveriesResponse.decode(bytes));
    },
    retryDelivery: (id: string) => {
      const bytes = stuckd.v1.RetryDeliveryResponse.encode(retryDelivery(source, id)).finish();
      return Promise.resolve(stuckd.v1.RetryDeliveryResponse.decode(bytes));
    },
    testReceiver: async (name: string) => {
      const bytes = stuckd.v1.TestReceiverResponse.encode(await testReceiver(source, name)).finish();
      return stuckd.v1.TestReceiverResponse.decode(bytes);
    },
  } as unknown as StuckdClient;
}

test('stuckctl deliveries: a table, and all pages as JSON', async () => {
  const items = Array.from({ length: 501 }, (_unused, index) => createDelivery(`d${index}`));
  const io = createIo();
  const command = { receivers: [], states: [], limit: Infinity, retry: null } as const;
  await deliveries({ ...command, output: 'jsonl' }, createClient(items), io);
  assert.equal(io.out.join('').trimEnd().split('\n').length, 501);
  await deliveries({ ...command, output: 'jsonl', limit: 3 }, createClient(items), io);
  assert.equal(io.out.at(-1)?.trimEnd().split('\n').length, 3);
  await deliveries({ ...command, output: 'json' }, createClient([]), io);
  assert.deepEqual(JSON.parse(io.out.at(-1) ?? ''), { deliveries: [] });
  await deliveries({ ...command, output: 'table', retry: 'd7' }, createClient(items), io);
  assert.equal(io.out.at(-1), 'Delivery d7 to hook is sent again.\n');
  assert.equal(
    formatDeliveries([deliveryToProto(createDelivery('d1', { replica: 2 }))], NOW_MS, Infinity),
    'ID  RECEIVER      STATE    EVENT  ALERT  AGE    ATTEMPTS  NEXT     LAST ERROR                    SUMMARY\n' +
      'd1  hook (url 2)  pending  fired  a1     1m 0s         2  in 4.2s  HTTP 503 Service Unavailable  node is stuck\n',
  );
  assert.equal(formatDeliveries([], NOW_MS, 80), 'No deliveries.\n');
});

test('stuckctl alerts --test', async () => {
  const io = createIo();
  assert.equal(await testCommand('hook', 'table', createClient([]), io), false);
  assert.equal(
    io.out.join(''),
    'The receiver (url 1) took the test alert: HTTP 200, after 0.0s.\n' +
      'The receiver (url 2) did NOT take the test alert: connection refused\\u{202e}, after 0.0s.\n',
  );
  assert.deepEqual(io.err, ['stuckctl: 1 URL of receiver hook failed\n']);
});

test('the command line', () => {
  const parsed = parseCommand(['deliveries', '--state', 'dead,pending', '--receiver', 'hook', '--limit', '5'], {});
  assert.ok(parsed.name === 'deliveries');
  assert.deepEqual([parsed.states, parsed.receivers, parsed.limit, parsed.retry], [[3, 1], ['hook'], 5, null]);
  assert.throws(() => parseCommand(['deliveries', '--state', 'lost'], {}), /the states are pending, delivered, dead/);
  assert.throws(() => parseCommand(['list', '--retry', 'd1'], {}), /list has no option --retry/);
});
