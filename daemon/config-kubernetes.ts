/** Configuration: where processes, control groups and pods are looked up. */
import * as z from 'zod';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What the API server takes for the name of a node; anything else could change the meaning of a query. */
export const NODE_NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/** The token is sent there. */
function isSecure(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === 'https:';
}

export const kubernetesSchema = z.strictObject({
  /** Pod names from the API server; `auto`: where the daemon itself runs in a pod. */
  enabled: z.union([z.literal('auto'), z.boolean()], { error: 'must be auto, true or false' }).default('auto'),
  /** Default: the variable NODE_NAME. */
  nodeName: z.string().regex(NODE_NAME, 'must be the name of a node').optional(),
  /** Default: where Kubernetes says that it is, in the variables of a pod. */
  apiServer: z.string().refine(isSecure, 'must be an address such as https://10.0.0.1:6443').optional(),
  tokenFile: z.string().min(1).default(`${SERVICE_ACCOUNT}/token`),
  caFile: z.string().min(1).default(`${SERVICE_ACCOUNT}/ca.crt`),
});

export const workloadsSchema = z.strictObject({
  /** Where proc of the node is mounted. */
  procRoot: z.string().min(1).default('/proc'),
  /** Where the control groups of the node are mounted. */
  cgroupRoot: z.string().min(1).default('/sys/fs/cgroup'),
});
