/** Configuration: where processes, control groups and pods are looked up. */
import * as z from 'zod';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What the API server takes for the name of a node; anything else could change the meaning of a query. */
export const NODE_NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/** The token is sent there: over TLS, and with nothing else that is secret or would be lost on the way. */
function isServer(text: string): boolean {
  if (!URL.canParse(text)) {
    return false;
  }
  const { protocol, username, password, search, hash } = new URL(text);
  return protocol === 'https:' && [username, password, search, hash].every((part) => part === '');
}

export const kubernetesSchema = z.strictObject({
  enabled: z
    .union([z.literal('auto'), z.boolean()], { error: 'must be auto, true or false' })
    .default('auto')
    .describe('Pod names from the API server; auto: where the daemon itself runs in a pod.'),
  nodeName: z
    .string()
    .regex(NODE_NAME, 'must be the name of a node')
    .optional()
    .describe('What this node is called in the cluster; default: the variable NODE_NAME.'),
  apiServer: z
    .string()
    .refine(isServer, 'must be an address such as https://10.0.0.1:6443, without user, password, query or fragment')
    .optional()
    .describe(
      'https://HOST:PORT; default: where Kubernetes tells pods that it is. A path is put before those of the API.',
    ),
  tokenFile: z
    .string()
    .min(1)
    .default(`${SERVICE_ACCOUNT}/token`)
    .describe('The token of the service account; read again for every request.'),
  caFile: z
    .string()
    .min(1)
    .default(`${SERVICE_ACCOUNT}/ca.crt`)
    .describe('PEM file of the authority of the API server.'),
});

export const workloadsSchema = z.strictObject({
  procRoot: z.string().min(1).default('/proc').describe('Where proc of the node is mounted.'),
  cgroupRoot: z.string().min(1).default('/sys/fs/cgroup').describe('Where the control groups of the node are mounted.'),
});
