/** Certificates for tests, made on the spot: an authority, and what it signs. A few fields of X.509 (RFC 5280) in DER. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

interface Signer extends Certificate {
  readonly name: string;
  readonly privateKey: KeyObject;
}

export interface Authority extends Certificate {
  /** @param names of the host, or addresses, or of whom the certificate is. */
  issue(names: readonly string[], options?: { readonly validToMs?: number }): Certificate;
}

const DAY_MS = 86_400_000;

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length =
    content.length < 128
      ? [content.length]
      : content.length < 256
        ? [0x81, content.length]
        : [0x82, content.length >> 8, content.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const TRUE = der(0x01, Buffer.from([0xff]));

/** ecdsa-with-SHA256, commonName, basicConstraints, subjectAltName. */
const [ECDSA_SHA256, COMMON_NAME, BASIC_CONSTRAINTS, SUBJECT_ALT_NAME] = [
  oid('2a8648ce3d040302'),
  oid('550403'),
  oid('551d13'),
  oid('551d11'),
];

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(name)))));
}

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(text));
}

function alternativeName(name: string): Buffer {
  const isAddress = /^\d+(\.\d+){3}$/.test(name);
  return isAddress ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name));
}

function create(names: readonly string[], validToMs: number, issuer: Signer | null): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = names[0] ?? 'nobody';
  const extensions =
    issuer === null
      ? sequence(BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE)))
      : sequence(SUBJECT_ALT_NAME, der(0x04, sequence(...names.map(alternativeName))));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    // A positive number without leading zero bytes.
    der(0x02, Buffer.concat([Buffer.from([0x40]), randomBytes(8)])),
    sequence(ECDSA_SHA256),
    distinguishedName(issuer?.name ?? name),
    sequence(time(Math.min(Date.now(), validToMs) - DAY_MS), time(validToMs)),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extensions)),
  );
  const signature = sign('sha256', body, issuer?.privateKey ?? privateKey);
  const bytes = sequence(body, sequence(ECDSA_SHA256), der(0x03, Buffer.from([0]), signature));
  const lines = bytes.toString('base64').replaceAll(/(.{64})/g, '$1\n');
  return {
    name,
    privateKey,
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

export function createAuthority(name: string): Authority {
  const signer = create([name], Date.now() + DAY_MS, null);
  return {
    cert: signer.cert,
    key: signer.key,
    issue: (names, { validToMs = Date.now() + DAY_MS } = {}) => create(names, validToMs, signer),
  };
}

/** Puts a file in the place of another at once, as whoever renews certificates does it. */
export function replaceFile(path: string, content: string): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
