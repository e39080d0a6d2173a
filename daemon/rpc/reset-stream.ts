/**
 * Cuts off a call whose client lives but does not read. grpc-js cannot: its `end` waits behind what was written before, and
 * a client that is merely paused answers every keepalive. So the HTTP/2 stream below the call is reset, which drops what is
 * queued there. It is no public part of grpc-js, whose version is fixed; test/acceptance/subscribers.test.ts shows that it
 * is where it is looked for.
 */
import { constants } from 'node:http2';

function property(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null
    ? (object as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/**
 * The client learns RESOURCE_EXHAUSTED: that is what this code of HTTP/2 means in gRPC.
 * @returns false if there is no stream to be found
 */
export function resetStream(call: object): boolean {
  const stream = property(property(call, 'call'), 'stream');
  const close = property(stream, 'close');
  if (typeof close !== 'function') {
    return false;
  }
  Reflect.apply(close, stream, [constants.NGHTTP2_ENHANCE_YOUR_CALM]);
  return true;
}
