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
    address: address(['tcp']).default(DEFAULT_TCP_ADDRESS),
    /** mTLS; the files are read again when they change. */
    tls: z.strictObject({ certFile: file, keyFile: file, clientCaFile: file }).optional(),
    /** Serve an address that other machines can reach without TLS. */
    insecure: z.boolean().default(false),
    reflection: z.boolean().default(false),
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
    .default(DEFAULT_ADDRESS),
  /** A TCP listener beside it. */
  tcp: tcpSchema.optional(),
  /** On the unix socket. */
  reflection: z.boolean().default(true),
  /** Watches at a time. */
  maxSubscribers: z.number().int().min(1).max(10_000).default(64),
  /** Connections at a time, of each listener. */
  maxConnections: z.number().int().min(1).max(10_000).default(128),
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
