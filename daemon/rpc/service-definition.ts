/** Turns the static classes that protobufjs generates into what grpc-js needs to serve and to call a service. */

/** A request that is not a valid protobuf message; handlers get it in place of the message and refuse it. */
export class MalformedRequest {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** One method, for both sides. `In` types are what a caller may give, `Out` types what a receiver gets. */
export interface RpcMethod<RequestIn, RequestOut, ResponseIn, ResponseOut> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: RequestIn) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => RequestOut | MalformedRequest;
  readonly responseSerialize: (message: ResponseIn) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => ResponseOut;
}

interface RpcMetadata {
  readonly path: string;
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream: true | undefined;
  readonly responseStream: true | undefined;
}

interface MessageClass {
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

type Encoded<M> = M extends { encode(message: infer T): unknown } ? T : never;
type Decoded<M> = M extends { decode(bytes: Uint8Array): infer T } ? T : never;

type MethodOf<Messages, M> = M extends {
  readonly requestType: infer Q extends keyof Messages;
  readonly responseType: infer R extends keyof Messages;
}
  ? RpcMethod<Encoded<Messages[Q]>, Decoded<Messages[Q]>, Encoded<Messages[R]>, Decoded<Messages[R]>>
  : never;

/** The methods of a service, by their lowerCamelCase names. */
export type RpcService<Messages, Service> = {
  readonly [K in keyof Service as Service[K] extends RpcMetadata ? K : never]: MethodOf<Messages, Service[K]>;
};

function isRpcMetadata(value: unknown): value is RpcMetadata {
  return typeof value === 'function' && 'path' in value && 'requestType' in value && 'responseType' in value;
}

function serializer(message: MessageClass): (value: object) => Buffer {
  return (value) => {
    const bytes = message.encode(value as never).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

/**
 * @param messages the generated package namespace, which holds the message classes of the service.
 * @param service the generated service class.
 */
export function rpcService<Messages extends object, Service extends object>(
  messages: Messages,
  service: { readonly prototype: Service },
): RpcService<Messages, Service> {
  const classes = messages as Readonly<Record<string, MessageClass>>;
  const methods: Record<string, unknown> = {};
  for (const [name, metadata] of Object.entries(service.prototype)) {
    if (!isRpcMetadata(metadata)) {
      continue;
    }
    const request = classes[metadata.requestType];
    const response = classes[metadata.responseType];
    if (request === undefined || response === undefined) {
      throw new Error(`${metadata.path}: a message class is missing in the generated code`);
    }
    methods[name] = {
      path: metadata.path,
      requestStream: metadata.requestStream === true,
      responseStream: metadata.responseStream === true,
      requestSerialize: serializer(request),
      requestDeserialize: (bytes: Buffer): object => {
        // An exception here would reach the client as INTERNAL; the fault is the client's.
        try {
          return request.decode(bytes);
        } catch (error) {
          return new MalformedRequest(error instanceof Error ? error.message : String(error));
        }
      },
      responseSerialize: serializer(response),
      responseDeserialize: (bytes: Buffer): object => response.decode(bytes),
    };
  }
  return methods as RpcService<Messages, Service>;
}
