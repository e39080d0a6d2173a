/** --tls-ca, --tls-cert, --tls-key and --tls-server-name, and their variables. */
import type { ClientTls } from '../rpc/client-tls.js';
import { UsageError } from './cli-io.js';

export const TLS_OPTIONS = {
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-server-name': { type: 'string' },
} as const;

export const TLS_OPTION_NAMES = ['tls-ca', 'tls-cert', 'tls-key', 'tls-server-name'] as const;

type TlsOption = (typeof TLS_OPTION_NAMES)[number];

const VARIABLES: Readonly<Record<TlsOption, string>> = {
  'tls-ca': 'STUCKD_TLS_CA',
  'tls-cert': 'STUCKD_TLS_CERT',
  'tls-key': 'STUCKD_TLS_KEY',
  'tls-server-name': 'STUCKD_TLS_SERVER_NAME',
};

/**
 * TLS is used as soon as one of them is given, and the address is one of TCP: variables may well be set for another one.
 * @param overTcp whether any address is one of TCP.
 * @returns null for no TLS. @throws UsageError
 */
export function clientTls(
  values: Readonly<Partial<Record<TlsOption, string>>>,
  env: Readonly<Record<string, string | undefined>>,
  overTcp: boolean,
): ClientTls | null {
  const flag = TLS_OPTION_NAMES.find((name) => values[name] !== undefined);
  if (!overTcp) {
    if (flag !== undefined) {
      throw new UsageError(`--${flag}: a unix socket is not used with TLS; give --address HOST:PORT`);
    }
    return null;
  }
  const given = (name: TlsOption): string | null => {
    const text = values[name] ?? env[VARIABLES[name]] ?? '';
    return text === '' ? null : text;
  };
  const tls = {
    caFile: given('tls-ca'),
    certFile: given('tls-cert'),
    keyFile: given('tls-key'),
    serverName: given('tls-server-name'),
  };
  if ((tls.certFile === null) !== (tls.keyFile === null)) {
    throw new UsageError(
      '--tls-cert and --tls-key (STUCKD_TLS_CERT, STUCKD_TLS_KEY) belong together: give both or neither',
    );
  }
  return Object.values(tls).every((value) => value === null) ? null : tls;
}
