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
  /** Pod names from the API server; `auto`: where the daemon itself runs in a pod. */
  enabled: z.union([z.literal('auto'), z.boolean()], { error: 'must be auto, true or false' }).default('auto'),
  /** Default: the variable NODE_NAME. */
  nodeName: z.string().regex(NODE_NAME, 'must be the name of a node').optional(),
  /** Default: where Kubernetes says that it is, in the variables of a pod. A path is put before those of the API. */
  apiServer: z
    .string()
    .refine(isServer, 'must be an address such as https://10.0.0.1:6443, without user, password, query or fragment')
    .optional(),
  tokenFile: z.string().min(1).default(`${SERVICE_ACCOUNT}/token`),
  caFile: z.string().min(1).default(`${SERVICE_ACCOUNT}/ca.crt`),
});

export const workloadsSchema = z.strictObject({
  /** Where proc of the node is mounted. */
  procRoot: z.string().min(1).default('/proc'),
  /** Where the control groups of the node are mounted. */
  cgroupRoot: z.string().min(1).default('/sys/fs/cgroup'),
});
