/** Server reflection: what a client needs to know that has no .proto files. The answers were made by the build. */
import { status } from '@grpc/grpc-js';
import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { DescribedFile } from './gen/descriptors.js';
import type { grpc } from './gen/stuckd.js';
import type { MalformedRequest } from './service-definition.js';
import { REFLECTION_SERVICE } from './services.js';
import { acceptRequest, toStatus } from './status.js';
import type { RpcLog } from './status.js';

type Request = grpc.reflection.v1.ServerReflectionRequest.$Properties;
type Response = grpc.reflection.v1.ServerReflectionResponse.$Properties;
type ReflectionCall = ServerDuplexStream<Request | MalformedRequest, Response>;
/** The answer without what every answer repeats. */
type Answer = Omit<Response, 'originalRequest' | 'validHost'>;

const REFLECTION_NAME = 'grpc.reflection.v1.ServerReflection';

function notFound(message: string): Answer {
  return { errorResponse: { errorCode: status.NOT_FOUND, errorMessage: message } };
}

/** Names that a client made up are quoted, but not at any length. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 256));
}

/** The files of the contract by what they are asked for. */
class DescriptorIndex {
  readonly #byName: ReadonlyMap<string, DescribedFile>;
  readonly #bySymbol: ReadonlyMap<string, DescribedFile>;

  constructor(files: readonly DescribedFile[]) {
    this.#byName = new Map(files.map((file) => [file.name, file]));
    this.#bySymbol = new Map(files.flatMap((file) => file.symbols.map((symbol) => [symbol, file] as const)));
  }

  file(name: string): Answer {
    const file = this.#byName.get(name);
    return file === undefined ? notFound(`there is no file ${quoted(name)}`) : this.#withImports(file);
  }

  symbol(name: string): Answer {
    // Some clients ask with the leading dot that descriptors have.
    const file = this.#bySymbol.get(name.replace(/^\./, ''));
    return file === undefined ? notFound(`nothing is called ${quoted(name)}`) : this.#withImports(file);
  }

  extensionNumbers(name: string): Answer {
    return this.#bySymbol.has(name)
      ? { allExtensionNumbersResponse: { baseTypeName: name, extensionNumber: [] } }
      : notFound(`nothing is called ${quoted(name)}`);
  }

  #withImports(file: DescribedFile): Answer {
    const files = new Set([file]);
    // A set that grows while it is walked is walked to its end.
    for (const { imports } of files) {
      for (const name of imports) {
        const imported = this.#byName.get(name);
        if (imported !== undefined) {
          files.add(imported);
        }
      }
    }
    return {
      fileDescriptorResponse: { fileDescriptorProto: [...files].map(({ bytes }) => Buffer.from(bytes, 'base64')) },
    };
  }
}

function answer(request: Request, index: DescriptorIndex, services: readonly string[]): Answer {
  const { fileByFilename, fileContainingSymbol, fileContainingExtension, allExtensionNumbersOfType } = request;
  if (isPresent(fileByFilename)) {
    return index.file(fileByFilename);
  }
  if (isPresent(fileContainingSymbol)) {
    return index.symbol(fileContainingSymbol);
  }
  if (isPresent(allExtensionNumbersOfType)) {
    return index.extensionNumbers(allExtensionNumbersOfType);
  }
  if (isPresent(fileContainingExtension)) {
    return notFound('the messages of this server have no extensions');
  }
  if (isPresent(request.listServices)) {
    return { listServicesResponse: { service: services.map((name) => ({ name })) } };
  }
  return { errorResponse: { errorCode: status.INVALID_ARGUMENT, errorMessage: 'the request asks nothing' } };
}

function isPresent<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}

async function loadIndex(): Promise<DescriptorIndex> {
  const { DESCRIBED_FILES } = await import('./gen/descriptors.js');
  return new DescriptorIndex(DESCRIBED_FILES);
}

/** The same service under the name that it had before it became a standard, which many tools still ask for first. */
const OLD_DEFINITION: ServiceDefinition = {
  serverReflectionInfo: {
    ...REFLECTION_SERVICE.serverReflectionInfo,
    path: '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  },
};

/**
 * @param services full names of what the server serves.
 * @returns both definitions with the one implementation; the descriptors are read when somebody asks.
 */
export function reflectionServices(
  services: readonly string[],
  log: RpcLog,
): readonly (readonly [ServiceDefinition, UntypedServiceImplementation])[] {
  const listed = [...services, REFLECTION_NAME];
  let index: Promise<DescriptorIndex> | null = null;
  const serve = (call: ReflectionCall, known: DescriptorIndex): void => {
    call.on('data', (received: Request | MalformedRequest) => {
      // One at a time: a client that asks and does not read is not read either.
      call.pause();
      try {
        const request = acceptRequest(received);
        const response = { validHost: request.host ?? '', originalRequest: request, ...answer(request, known, listed) };
        call.write(response, () => call.resume());
      } catch (error) {
        call.emit('error', toStatus(error, call.getPath(), log));
      }
    });
    call.on('end', () => call.end());
  };
  const implementation = {
    serverReflectionInfo: (call: ReflectionCall) => {
      index ??= loadIndex();
      index.then(
        (known) => {
          serve(call, known);
        },
        (error: unknown) => {
          call.emit('error', toStatus(error, call.getPath(), log));
        },
      );
    },
  };
  return [
    [REFLECTION_SERVICE, implementation],
    [OLD_DEFINITION, implementation],
  ];
}
