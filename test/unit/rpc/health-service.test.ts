// Proves that a server that drains says NOT_SERVING to whoever still asks. The rest of health is in acceptance/rpc.test.ts;
// there no new call gets through any more once the drain has begun.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { grpc } from '../../../daemon/rpc/gen/stuckd.js';
import { HealthService } from '../../../daemon/rpc/health-service.js';
import { createLog } from './sample-records.js';

type Response = grpc.health.v1.HealthCheckResponse.$Properties;

const Serving = grpc.health.v1.HealthCheckResponse.ServingStatus;

async function check(health: HealthService, service: string): Promise<unknown> {
  const handler = health.implementation['check'] as handleUnaryCall<object, Response>;
  const call = { request: { service }, getPath: () => '/grpc.health.v1.Health/Check' };
  return new Promise((resolve) => {
    handler(call as Parameters<typeof handler>[0], (error, response) => {
      resolve(response?.status ?? error);
    });
  });
}

test('before and after the drain begins', async () => {
  const health = new HealthService(['a.Service'], createLog());
  assert.equal(await check(health, 'a.Service'), Serving.SERVING);
  health.drain();
  assert.equal(await check(health, 'a.Service'), Serving.NOT_SERVING);
  assert.equal(await check(health, ''), Serving.NOT_SERVING);
});
