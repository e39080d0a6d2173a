// Proves reflection with a client that knows nothing of stuckd but the address: it asks what there is, builds the messages
// from the descriptors that it gets, and makes a call with them. And what reflection answers to questions without an
// answer. It cannot show that every tool in the world asks in the same way.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Client, credentials, status } from '@grpc/grpc-js';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import 'protobufjs/ext/descriptor.js';
import type { grpc } from '../../daemon/rpc/gen/stuckd.js';
import { REFLECTION_SERVICE, SERVICE_NAMES } from '../../daemon/rpc/services.js';
import { startGrpcServer } from '../../daemon/rpc/grpc-server.js';
import { createLog, createStatusSource } from '../unit/rpc/sample-records.js';
import { createServices, RpcBench } from './rpc-harness.js';

type Request = grpc.reflection.v1.ServerReflectionRequest.$Properties;
type Response = grpc.reflection.v1.ServerReflectionResponse;

let bench: RpcBench;

beforeEach(() => {
  bench = new RpcBench();
});

afterEach(() => {
  bench.clean();
});

const CURRENT = REFLECTION_SERVICE.serverReflectionInfo.path;
const OLD = CURRENT.replace('.v1.', '.v1alpha.');

function openReflection(client: Client, path = CURRENT): ClientDuplexStream<Request, Response> {
  const { requestSerialize, responseDeserialize } = REFLECTION_SERVICE.serverReflectionInfo;
  return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
}

/** Asks all questions on one stream. @returns the answers in their order */
async function ask(client: Client, questions: readonly Request[], path?: string): Promise<readonly Response[]> {
  const call = openReflection(client, path);
  for (const question of questions) {
    call.write(question);
  }
  call.end();
  const answers: Response[] = [];
  for await (const answer of call as AsyncIterable<Response>) {
    answers.push(answer);
  }
  return answers;
}

function fileNames(response: Response | undefined): readonly string[] {
  const files = response?.fileDescriptorResponse?.fileDescriptorProto ?? [];
  return files.map((bytes) => /[\w/]+\.proto/.exec(Buffer.from(bytes).toString('latin1'))?.[0] ?? '');
}

describe('a client that knows nothing', () => {
  for (const path of [CURRENT, OLD]) {
    test(`finds the services and calls one (${path})`, async () => {
      await bench.serve();
      const client = bench.connectRaw();
      const [list] = await ask(client, [{ listServices: '' }], path);
      const services = list?.listServicesResponse?.service?.map(({ name }) => name) ?? [];
      assert.deepEqual(services, [...SERVICE_NAMES, 'grpc.reflection.v1.ServerReflection']);

      const [files] = await ask(client, [{ fileContainingSymbol: 'stuckd.v1.NodeService' }], path);
      const fromDescriptor = protobuf.Root as unknown as { fromDescriptor(set: object): protobuf.Root };
      const { FileDescriptorProto } = (await import('protobufjs/ext/descriptor.js')).default;
      const described = (files?.fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
        FileDescriptorProto.decode(bytes),
      );
      const root = fromDescriptor.fromDescriptor({ file: described });
      root.resolveAll();
      const method = root.lookupService('stuckd.v1.NodeService').methods['GetStatus'];
      assert.ok(method !== undefined);
      const requestType = root.lookupType(`stuckd.v1.${method.requestType.split('.').at(-1) ?? ''}`);
      const responseType = root.lookupType(`stuckd.v1.${method.responseType.split('.').at(-1) ?? ''}`);
      const answer = await new Promise<protobuf.Message | undefined>((resolve, reject) => {
        client.makeUnaryRequest(
          '/stuckd.v1.NodeService/GetStatus',
          (message: object) => Buffer.from(requestType.encode(requestType.create(message)).finish()),
          (bytes) => responseType.decode(bytes),
          {},
          (error, response) => {
            if (error === null) {
              resolve(response);
            } else {
              reject(error);
            }
          },
        );
      });
      assert.ok(answer !== undefined);
      const fields = responseType.toObject(answer, { enums: String });
      assert.equal(fields['version'], createStatusSource().status().version);
      assert.equal((fields['sensor'] as { state: string }).state, 'SENSOR_STATE_RUNNING');
    });
  }

  test('gets a file with all that it needs, whichever way it asks', async () => {
    await bench.serve();
    const needed = [
      'google/protobuf/duration.proto',
      'google/protobuf/timestamp.proto',
      'stuckd/v1/audit.proto',
      'stuckd/v1/connection_service.proto',
      'stuckd/v1/types.proto',
    ];
    const answers = await ask(bench.connectRaw(), [
      { fileByFilename: 'stuckd/v1/connection_service.proto' },
      { fileContainingSymbol: 'stuckd.v1.ConnectionService.WatchStuckConnections' },
      { fileContainingSymbol: '.stuckd.v1.ConnectionFilter.pids' },
    ]);
    for (const answer of answers) {
      const names = fileNames(answer);
      assert.equal(names[0], 'stuckd/v1/connection_service.proto', 'what was asked for comes first');
      assert.deepEqual(names.toSorted(), needed);
    }
    const [nested] = await ask(bench.connectRaw(), [
      { fileContainingSymbol: 'grpc.health.v1.HealthCheckResponse.ServingStatus' },
    ]);
    assert.deepEqual(fileNames(nested), ['grpc/health/v1/health.proto']);
  });
});

test('questions without an answer get an error, and the stream goes on', async () => {
  await bench.serve();
  const questions: readonly Request[] = [
    { fileByFilename: 'none.proto' },
    { fileContainingSymbol: 'no.Such' },
    { fileContainingExtension: { containingType: 'stuckd.v1.Alert', extensionNumber: 1 } },
    { allExtensionNumbersOfType: 'no.Such' },
    {},
    { host: 'h', allExtensionNumbersOfType: 'stuckd.v1.Alert' },
  ];
  const answers = await ask(bench.connectRaw(), questions);
  assert.deepEqual(
    answers.map(({ errorResponse }) => errorResponse?.errorCode ?? null),
    [status.NOT_FOUND, status.NOT_FOUND, status.NOT_FOUND, status.NOT_FOUND, status.INVALID_ARGUMENT, null],
  );
  const last = answers.at(-1);
  assert.equal(last?.validHost, 'h');
  assert.equal(last.originalRequest?.allExtensionNumbersOfType, 'stuckd.v1.Alert');
  assert.deepEqual(last.allExtensionNumbersResponse?.baseTypeName, 'stuckd.v1.Alert');
});

describe('where it is served', () => {
  const serve = async (options: {
    reflection?: boolean;
    tcpReflection: boolean;
  }): Promise<readonly [string, string]> => {
    const server = await startGrpcServer({
      address: bench.address,
      ...(options.reflection === undefined ? {} : { reflection: options.reflection }),
      tcp: { address: '127.0.0.1:0', insecure: false, reflection: options.tcpReflection },
      services: createServices(),
      log: createLog(),
    });
    bench.onClean(() => {
      server.close();
    });
    return [server.address, server.tcpAddress ?? ''];
  };
  const isServed = async (address: string): Promise<boolean> => {
    const client = new Client(address, credentials.createInsecure());
    try {
      await ask(client, [{ listServices: '' }]);
      return true;
    } catch (error) {
      assert.equal((error as { code: status }).code, status.UNIMPLEMENTED);
      return false;
    } finally {
      client.close();
    }
  };

  test('on the unix socket, and not over TCP', async () => {
    const [unix, tcp] = await serve({ tcpReflection: false });
    assert.deepEqual([await isServed(unix), await isServed(tcp)], [true, false]);
  });

  test('as it is configured', async () => {
    const [unix, tcp] = await serve({ reflection: false, tcpReflection: true });
    assert.deepEqual([await isServed(unix), await isServed(tcp)], [false, true]);
  });
});
