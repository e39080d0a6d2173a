/** A receiver of the configuration, ready for use. */
import { SEVERITIES, type Alert } from '../core/alert.js';
import { AlertmanagerGroups } from './alertmanager-groups.js';
import { alertmanagerFormat, type AlertmanagerFormat } from './alertmanager.js';
import { genericFormat } from './generic.js';
import type { ReceiverConfig } from './receiver-config.js';
import type { ReceiverFormat } from './receiver.js';
import { slackFormat } from './slack.js';

export interface Receiver {
  readonly config: ReceiverConfig;
  readonly format: ReceiverFormat;
  /** Of an Alertmanager only. */
  readonly alertmanager: { readonly format: AlertmanagerFormat; readonly groups: AlertmanagerGroups } | null;
}

/** @param node name of this machine */
export function createReceiver(config: ReceiverConfig, node: string): Receiver {
  switch (config.type) {
    case 'webhook':
      return { config, format: genericFormat(config), alertmanager: null };
    case 'slack':
      return { config, format: slackFormat(config, node), alertmanager: null };
    case 'alertmanager': {
      const format = alertmanagerFormat(config, node);
      return { config, format, alertmanager: { format, groups: new AlertmanagerGroups(node) } };
    }
  }
}

/** Is it told of this alert? The alert names all who are: where no rule says so, that is everybody, and it may be nobody. */
export function wantsAlert({ config }: Receiver, { receivers, severity }: Alert): boolean {
  return receivers.includes(config.name) && SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(config.minSeverity);
}

/** Does it tell of single connections? */
export function showsConnections({ config }: Receiver): boolean {
  return config.type === 'webhook';
}

/** Alertmanager hears of changes with the next repetition, so that they are no messages there. */
export function sendsUpdates({ config }: Receiver): boolean {
  return config.type !== 'alertmanager' && config.sendUpdates;
}
