/** The certificates of the TCP listener: read from files, checked, and read again when the files change. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { AddressError } from './address.js';

/** Paths of PEM files. */
export interface TlsFiles {
  /** The server's certificate, and those between it and the root. */
  readonly certFile: string;
  /** Its private key. */
  readonly keyFile: string;
  /** Who signs certificates of clients; without one of those nobody is let in. */
  readonly clientCaFile: string;
}

/** What a TLS server takes. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/** A replaced certificate is used after this time at the latest. */
const CHECK_INTERVAL_MS = 5000;
/** No bundle of authorities is that large; a wrong path may lead to something that is. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const READABLE_BY_OTHERS = 0o004;

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function readBounded(path: string): Buffer {
  const { size } = statSync(path);
  if (size > FILE_BYTES_MAX) {
    throw new Error(`${path} has ${size} bytes; a PEM file has ${FILE_BYTES_MAX} at most`);
  }
  return readFileSync(path);
}

/** OpenSSL takes a file without any certificate for an empty list, with which every client would be refused. */
function certificatesIn(path: string, pem: Buffer): readonly X509Certificate[] {
  const blocks = pem.toString('latin1').match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0) {
    throw new Error(`${path} holds no certificate in PEM form`);
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new Error(`${path} holds a certificate that cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

interface Loaded {
  readonly material: TlsMaterial;
  /** When the server's own certificate ends, milliseconds since 1970. */
  readonly validToMs: number;
}

/** @throws Error that names the file. */
function load({ certFile, keyFile, clientCaFile }: TlsFiles): Loaded {
  const material = { cert: readBounded(certFile), key: readBounded(keyFile), ca: readBounded(clientCaFile) };
  const [own] = certificatesIn(certFile, material.cert);
  certificatesIn(clientCaFile, material.ca);
  let key;
  try {
    key = createPrivateKey(material.key);
  } catch (error) {
    throw new Error(`${keyFile} holds no private key that can be read: ${reasonOf(error)}`, { cause: error });
  }
  if (own?.checkPrivateKey(key) !== true) {
    throw new Error(`the key in ${keyFile} does not belong to the certificate in ${certFile}`);
  }
  createSecureContext(material);
  return { material, validToMs: Date.parse(own.validTo) };
}

/**
 * Changes whenever a file was written, replaced, or is reached through another symbolic link, as Kubernetes does it; and
 * whenever it cannot be reached for another reason than before. Never throws: reading the files tells what is wrong.
 */
function versionOf(files: TlsFiles): string {
  return Object.values(files)
    .map((path: string) => {
      try {
        const stat = statSync(path);
        return [stat.dev, stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join('.');
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? reasonOf(error);
      }
    })
    .join(' ');
}

export interface CertificateLog {
  info(message: string): void;
  warn(message: string): void;
}

export class TlsCertificates {
  readonly #files: TlsFiles;
  readonly #log: CertificateLog;
  readonly #timer: NodeJS.Timeout;
  #loaded: Loaded;
  #version: string;
  #mistake: string | null = null;
  #onChange: (material: TlsMaterial) => void = () => undefined;

  /**
   * @param checkIntervalMs how often the files are looked at.
   * @throws AddressError if the files cannot be used: without certificates nothing is served.
   */
  constructor(files: TlsFiles, log: CertificateLog, checkIntervalMs = CHECK_INTERVAL_MS) {
    this.#files = files;
    this.#log = log;
    // Before reading: what changes in between is then read once more.
    this.#version = versionOf(files);
    let keyMode;
    try {
      this.#loaded = load(files);
      keyMode = statSync(files.keyFile).mode;
    } catch (error) {
      throw new AddressError(`grpc.tcp.tls: ${reasonOf(error)}`, { cause: error });
    }
    if ((keyMode & READABLE_BY_OTHERS) !== 0) {
      log.warn(
        `grpc.tcp.tls: every user of this machine can read the private key ${files.keyFile}; chmod 0640 would do`,
      );
    }
    this.#timer = setInterval(() => {
      this.#check();
    }, checkIntervalMs);
    this.#timer.unref();
  }

  get material(): TlsMaterial {
    return this.#loaded.material;
  }

  /** @param onChange gets what new connections are to be served with. */
  follow(onChange: (material: TlsMaterial) => void): void {
    this.#onChange = onChange;
  }

  /** What is wrong at present, for the status; null if nothing is. */
  problem(nowMs: number = Date.now()): string | null {
    if (this.#mistake !== null) {
      return this.#mistake;
    }
    const { validToMs } = this.#loaded;
    return nowMs > validToMs
      ? `the certificate ${this.#files.certFile} ended at ${new Date(validToMs).toISOString()}; clients over TCP refuse it`
      : null;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const version = versionOf(this.#files);
    if (version === this.#version) {
      return;
    }
    this.#version = version;
    try {
      this.#loaded = load(this.#files);
    } catch (error) {
      // Files are replaced one after the other; the last of them makes this good.
      this.#mistake = `the certificates changed and cannot be used, so the old ones stay in use: ${reasonOf(error)}`;
      this.#log.warn(`grpc.tcp.tls: ${this.#mistake}`);
      return;
    }
    this.#mistake = null;
    this.#onChange(this.#loaded.material);
    this.#log.info('grpc.tcp.tls: the certificates changed; new connections get the new ones');
  }
}
