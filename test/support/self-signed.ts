/** A key and a certificate of its own for a server on 127.0.0.1, made on the spot: a key in the repository would be no secret. */
import { generateKeyPairSync, sign } from 'node:crypto';

export interface ServerIdentity {
  /** PEM. */
  readonly key: string;
  /** PEM; also what clients have to trust. */
  readonly certificate: string;
}

const TAG = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, utf8: 0x0c, time: 0x17 } as const;
const SEQUENCE = 0x30;
const SET = 0x31;
const EXPLICIT_0 = 0xa0;
const EXPLICIT_3 = 0xa3;
const IP_ADDRESS = 0x87;

const ECDSA_WITH_SHA256 = Buffer.from('2a8648ce3d040302', 'hex');
const COMMON_NAME = Buffer.from('550403', 'hex');
const BASIC_CONSTRAINTS = Buffer.from('551d13', 'hex');
const SUBJECT_ALT_NAME = Buffer.from('551d11', 'hex');
const TRUE = Buffer.from([0xff]);
const DAY_MS = 86_400_000;

/** One value of DER (X.690): tag, length, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14);
  return der(TAG.time, Buffer.from(`${digits}Z`));
}

function extension(oid: Buffer, value: Buffer): Buffer {
  return der(SEQUENCE, der(TAG.oid, oid), der(TAG.octets, value));
}

export function createServerIdentity(nowMs = Date.now()): ServerIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(SEQUENCE, der(TAG.oid, ECDSA_WITH_SHA256));
  const attribute = der(SEQUENCE, der(TAG.oid, COMMON_NAME), der(TAG.utf8, Buffer.from('stuckd test')));
  const name = der(SEQUENCE, der(SET, attribute));
  const extensions = der(
    SEQUENCE,
    extension(BASIC_CONSTRAINTS, der(SEQUENCE, der(TAG.boolean, TRUE))),
    extension(SUBJECT_ALT_NAME, der(SEQUENCE, der(IP_ADDRESS, Buffer.from([127, 0, 0, 1])))),
  );
  const toBeSigned = der(
    SEQUENCE,
    der(EXPLICIT_0, der(TAG.integer, Buffer.from([2]))),
    der(TAG.integer, Buffer.from([1])),
    algorithm,
    name,
    der(SEQUENCE, utcTime(nowMs - DAY_MS), utcTime(nowMs + DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(EXPLICIT_3, extensions),
  );
  const signature = der(TAG.bits, Buffer.from([0]), sign('sha256', toBeSigned, privateKey));
  const base64 = der(SEQUENCE, toBeSigned, algorithm, signature).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  };
}
