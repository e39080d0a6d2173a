/** Slack, by an incoming webhook: a few lines of plain text. */
import { peerText, plainText, RESOLVED, shortName, type AlertMessage } from './alert-message.js';
import { readUrlFile } from './generic.js';
import type { ReceiverConfig } from './receiver-config.js';
import { JSON_HEADERS, type MessageEvent, type ReceiverFormat } from './receiver.js';

const LINE_MAX = 600;

/** The three characters by which Slack tells mentions and links from text. */
function escapeSlack(value: string): string {
  return plainText(value, LINE_MAX).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function headline(alert: AlertMessage, event: MessageEvent): string {
  const severity = shortName(alert.severity, 'SEVERITY_');
  const state = alert.status === RESOLVED ? 'Resolved' : event === 'updated' ? 'Still firing' : 'Firing';
  return `${event === 'test' ? 'TEST - ' : ''}${state} (${severity}): ${shortName(alert.kind, 'STUCK_KIND_')}`;
}

function place({ process, program }: AlertMessage): string {
  const whose = process ?? program;
  if (whose === null || whose === undefined) {
    return '';
  }
  const { pod, podNamespace, container, unit } = whose;
  return pod === '' ? unit : `pod ${podNamespace}/${pod}${container === '' ? '' : `, container ${container}`}`;
}

/** @param node name of this machine */
export function slackText(alert: AlertMessage, event: MessageEvent, node: string): string {
  const peer = peerText(alert);
  const where = [`node ${node}`, place(alert), peer === '' ? '' : `peer ${peer}`].filter((part) => part !== '');
  return [headline(alert, event), alert.summary, where.join(', '), `alert ${alert.id}`].map(escapeSlack).join('\n');
}

/** @param node name of this machine */
export function slackFormat(config: Extract<ReceiverConfig, { type: 'slack' }>, node: string): ReceiverFormat {
  return {
    replicas: 1,
    // Slack takes about one message a second.
    parallel: 1,
    orderKey: ({ id }) => id,
    prepare: async ({ event, alert }) => ({
      url: await readUrlFile(config.urlFile),
      headers: JSON_HEADERS,
      // No markup and no previews: names of processes and peers are not ours.
      body: JSON.stringify({
        text: slackText(alert, event, node),
        mrkdwn: false,
        unfurl_links: false,
        unfurl_media: false,
      }),
    }),
  };
}
