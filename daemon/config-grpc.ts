/** `grpc` in the configuration: where the services can be reached, and by how many. */
import * as z from 'zod';
import { address } from './config-values.js';
import { DEFAULT_ADDRESS, isLoopback, parseAddress } from './rpc/address.js';
import type { GrpcServerOptions } from './rpc/grpc-server.js';

const DEFAULT_TCP_ADDRESS = '127.0.0.1:9736';

const file = z.string().min(1, 'must be the path of a PEM file');

/** Whether other machines can reach it; what is no address at all has been told of already. */
function isOpen(text: string): boolean {
  try {
    return !isLoopback(parseAddress(text));
  } catch {
    return false;
  }
}

const tcpSchema = z
  .strictObject({
    address: address(['tcp']).default(DEFAULT_TCP_ADDRESS).describe('HOST:PORT.'),
    tls: z
      .strictObject({
        certFile: file.describe('PEM file of the certificate of stuckd.'),
        keyFile: file.describe('PEM file of its key.'),
        clientCaFile: file.describe('PEM file of the authorities of which clients need a certificate.'),
      })
      .optional()
      .describe('mTLS; the files are read again when they change.'),
    insecure: z
      .boolean()
      .default(false)
      .describe('Without tls, serve an address that other machines can reach: they may see processes and peers.'),
    reflection: z.boolean().default(false).describe('Server reflection here as well.'),
  })
  .superRefine(({ address: where, tls, insecure }, context) => {
    if (tls !== undefined && insecure) {
      context.addIssue({
        code: 'custom',
        path: ['insecure'],
        message: 'with tls nothing is insecure; leave one of them out',
      });
    }
    if (tls === undefined && !insecure && isOpen(where)) {
      const message = `"${where}" can be reached from other machines: set tls for mTLS, or insecure: true if everybody there may see processes and peers`;
      context.addIssue({ code: 'custom', path: ['address'], message });
    }
  });

export const grpcSchema = z.strictObject({
  address: address(['unix', 'tcp'])
    .superRefine((text, context) => {
      if (isOpen(text)) {
        const message = `"${text}" can be reached from other machines: use grpc.tcp, which has tls and insecure`;
        context.addIssue({ code: 'custom', message });
      }
    })
    .default(DEFAULT_ADDRESS)
    .describe('unix:PATH, a socket with mode 0660, or HOST:PORT on loopback. Variable STUCKD_ADDRESS, flag --address.'),
  tcp: tcpSchema.optional().describe('A TCP listener beside it.'),
  reflection: z
    .boolean()
    .default(true)
    .describe('Server reflection on the unix socket, for clients without .proto files.'),
  maxSubscribers: z.number().int().min(1).max(10_000).default(64).describe('Watches at a time.'),
  maxConnections: z.number().int().min(1).max(10_000).default(128).describe('Connections at a time, of each listener.'),
});

/** The part of the server's options that is configuration. */
export function grpcOptions({
  address,
  tcp,
  reflection,
  maxSubscribers,
  maxConnections,
}: z.output<typeof grpcSchema>): Omit<GrpcServerOptions, 'services' | 'log'> {
  return { address, tcp, reflection, subscribersMax: maxSubscribers, connectionsMax: maxConnections };
}
