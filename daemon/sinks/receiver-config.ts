/** The key `receivers` of the configuration: where alerts go. */
import * as z from 'zod';
import { SEVERITIES } from '../core/alert.js';
import { duration } from '../lib/duration-schema.js';

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

const timeout = duration(TIMEOUT_MIN_MS, TIMEOUT_MAX_MS).prefault('15s').describe('How long an answer may take.');

const sendUpdates = z.boolean().default(false).describe('Also tell every change of an alert that goes on.');

// Keys of several types, of which manuals tell once.
const TYPE = 'webhook (signed as Standard Webhooks say), alertmanager (API v2) or slack.';
const URL_FILE = 'A file with the URL: of slack, whoever knows it can write to the channel.';
const SECRET_FILE =
  'A file: of webhook with the secrets that messages are signed with, of alertmanager with a token, sent as "Authorization: Bearer".';

const common = {
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a short name of letters, digits, dots, dashes and underscores')
    .describe('Rules and "stuckctl alerts --test" name it so.'),
  caFile: path.optional().describe('PEM file of the authorities that are trusted in place of the well-known ones.'),
  allowPrivate: z
    .boolean()
    .default(false)
    .describe('Permits addresses of RFC 1918, RFC 6598 and fc00::/7, and http:// to them.'),
  allowLoopback: z.boolean().default(false).describe('Permits this machine itself, and http:// to it.'),
  timeout,
  minSeverity: z.enum(SEVERITIES).default('info').describe('Less grave alerts are not sent.'),
  sendResolved: z.boolean().default(true).describe('Also tell that an alert is resolved.'),
};

const webhook = z
  .strictObject({
    ...common,
    type: z.literal('webhook').describe(TYPE),
    url: url.optional().describe('Of webhook: where it is sent; or urlFile.'),
    urlFile: path.optional().describe(URL_FILE),
    secretFile: path.optional().describe(SECRET_FILE),
    sendUpdates,
  })
  .refine((receiver) => (receiver.url === undefined) !== (receiver.urlFile === undefined), {
    message: 'give either url or urlFile',
  });

const alertmanager = z.strictObject({
  ...common,
  type: z.literal('alertmanager').describe(TYPE),
  urls: z.array(url).min(1).max(URLS_MAX).describe('Of alertmanager: every replica; /api/v2/alerts is added.'),
  secretFile: path.optional().describe(SECRET_FILE),
});

const slack = z.strictObject({
  ...common,
  type: z.literal('slack').describe(TYPE),
  urlFile: path.describe(URL_FILE),
  sendUpdates,
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
  .prefault([])
  .describe('Where alerts go.');
