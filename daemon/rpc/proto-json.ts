/**
 * Messages in the proto3 JSON mapping (https://protobuf.dev/programming-guides/json/): lowerCamelCase names, 64-bit numbers
 * as strings, enum values by name, RFC 3339 times, durations as seconds; fields without presence are left out when they
 * have their default.
 */
import Long from 'long';
import { google } from './gen/stuckd.js';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

interface MessageClass {
  toObject(message: object, options: object): Record<string, Json>;
}

/** 0, 3, 6 or 9 digits, as the mapping asks for. */
function fraction(nanos: number): string {
  if (nanos === 0) {
    return '';
  }
  const digits = nanos.toString().padStart(9, '0');
  return `.${digits.replace(/(?:000)+$/, '')}`;
}

function timestampJson(time: google.protobuf.Timestamp): string {
  const seconds = new Date(time.seconds.toNumber() * 1000).toISOString().slice(0, -'.000Z'.length);
  return `${seconds}${fraction(time.nanos)}Z`;
}

function durationJson(duration: google.protobuf.Duration): string {
  const negative = duration.seconds.isNegative() || duration.nanos < 0;
  const seconds = duration.seconds.isNegative() ? duration.seconds.negate() : duration.seconds;
  return `${negative ? '-' : ''}${seconds.toString()}${fraction(Math.abs(duration.nanos))}s`;
}

function isMessageClass(value: unknown): value is MessageClass {
  return typeof value === 'function' && 'toObject' in value;
}

/**
 * `toObject` of the generated classes knows enums and 64-bit numbers, but writes a Timestamp like any other message. So
 * the message is walked beside what `toObject` made of it: the one knows the types, the other the values.
 */
function convert(value: unknown, plain: Json | undefined): Json {
  if (value instanceof google.protobuf.Timestamp) {
    return timestampJson(value);
  }
  if (value instanceof google.protobuf.Duration) {
    return durationJson(value);
  }
  if (Array.isArray(value)) {
    const plainItems = Array.isArray(plain) ? (plain as readonly Json[]) : [];
    return value.map((item, index) => convert(item, plainItems[index]));
  }
  if (typeof value === 'object' && value !== null && !Long.isLong(value)) {
    const result: Record<string, Json> = {};
    for (const [name, plainField] of Object.entries(plain ?? {})) {
      result[name] = convert((value as Record<string, unknown>)[name], plainField as Json);
    }
    return result;
  }
  return plain ?? null;
}

/** @param message an instance of a generated class, as a client decodes it. */
export function toProtoJson(message: object): Json {
  const messageClass: unknown = message.constructor;
  if (!isMessageClass(messageClass)) {
    throw new TypeError('not an instance of a generated message class');
  }
  return convert(message, messageClass.toObject(message, { enums: String, longs: String }));
}
