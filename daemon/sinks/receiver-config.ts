/** The key `receivers` of the configuration: where alerts go. */
import * as z from 'zod';
import { SEVERITIES } from '../core/alert.js';
import { parseDurationMs } from '../lib/duration.js';

const RECEIVERS_MAX = 16;
/** Alertmanager replicas. */
const URLS_MAX = 8;
const TIMEOUT_MIN_MS = 1000;
const TIMEOUT_MAX_MS = 30_000;

/** Why a text is no URL that a receiver can have; null if it is one. The text itself may be a secret and is not told. */
export function urlProblem(text: string): string | null {
  if (!URL.canParse(text)) {
    return 'must be a URL such as https://alerts.example.com/stuckd';
  }
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return 'must begin with https:// (or http://, where allowPrivate or allowLoopback permits it)';
  }
  if (url.username !== '' || url.password !== '') {
    return 'must not hold a user name or password: what is secret belongs into a file';
  }
  return null;
}

const url = z.string().superRefine((text, context) => {
  const problem = urlProblem(text);
  if (problem !== null) {
    context.addIssue({ code: 'custom', message: problem });
  }
});

const path = z.string().startsWith('/', 'must be an absolute path');

const timeout = z
  .string({ error: 'must be a duration with a unit, such as 10s' })
  .transform((text, context) => {
    const milliseconds = parseDurationMs(text);
    if (milliseconds === null || milliseconds < TIMEOUT_MIN_MS || milliseconds > TIMEOUT_MAX_MS) {
      context.addIssue({ code: 'custom', message: 'must be a duration from 1s to 30s' });
      return z.NEVER;
    }
    return milliseconds;
  })
  .prefault('15s');

const common = {
  /** Rules and `stuckctl alerts --test` name it so. */
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
      'must be a short name of letters, digits, dots, dashes and underscores',
    ),
  /** PEM file of the authorities that it trusts, in place of the well-known ones. */
  caFile: path.optional(),
  /** Addresses of RFC 1918, RFC 6598 and fc00::/7, and http:// to them. */
  allowPrivate: z.boolean().default(false),
  /** This machine itself, and http:// to it. */
  allowLoopback: z.boolean().default(false),
  timeout,
  /** Alerts below this severity are not sent. */
  minSeverity: z.enum(SEVERITIES).default('info'),
  sendResolved: z.boolean().default(true),
};

const webhook = z
  .strictObject({
    ...common,
    type: z.literal('webhook'),
    url: url.optional(),
    urlFile: path.optional(),
    /** Secrets of Standard Webhooks; without it messages are not signed. */
    secretFile: path.optional(),
    /** Also tell every change of an alert that goes on. */
    sendUpdates: z.boolean().default(false),
  })
  .refine((receiver) => (receiver.url === undefined) !== (receiver.urlFile === undefined), {
    message: 'give either url or urlFile',
  });

const alertmanager = z.strictObject({
  ...common,
  type: z.literal('alertmanager'),
  /** Every replica of the cluster; /api/v2/alerts is added. */
  urls: z.array(url).min(1).max(URLS_MAX),
  /** A token that is sent as "Authorization: Bearer". */
  secretFile: path.optional(),
});

const slack = z.strictObject({
  ...common,
  type: z.literal('slack'),
  /** A file with the URL of the incoming webhook: whoever knows that URL can write to the channel. */
  urlFile: path,
  sendUpdates: z.boolean().default(false),
});

const plainHttp = (receiver: Receiver): boolean =>
  [...('urls' in receiver ? receiver.urls : []), ...('url' in receiver ? [receiver.url ?? ''] : [])].some((text) =>
    text.startsWith('http://'),
  );

const receiverSchema = z
  .discriminatedUnion('type', [webhook, alertmanager, slack])
  .refine((receiver) => !plainHttp(receiver) || receiver.allowPrivate || receiver.allowLoopback, {
    message:
      'http:// goes to a private address or this machine only: use https://, or set allowPrivate or allowLoopback',
  });

type Receiver = z.output<typeof webhook> | z.output<typeof alertmanager> | z.output<typeof slack>;

/** One receiver of the configuration. */
export type ReceiverConfig = z.output<typeof receiverSchema>;

export const receiversSchema = z
  .array(receiverSchema)
  .max(RECEIVERS_MAX)
  .superRefine((receivers, context) => {
    receivers.forEach(({ name }, index) => {
      if (receivers.findIndex((other) => other.name === name) !== index) {
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: `"${name}" is the name of another receiver`,
        });
      }
    });
  })
  .prefault([]);
