/** What the configuration says of receivers in more than one place. */
import type { RuleSettings } from './config-alerts.js';
import type { ReceiverConfig } from './sinks/receiver-config.js';

/** What zod gives to a check. */
interface CheckContext {
  addIssue(issue: { readonly code: 'custom'; path: PropertyKey[]; message: string }): void;
}

/** A rule that names a receiver which is not there would tell nobody, and nobody would notice. */
export function checkReceiverNames(
  rules: readonly RuleSettings[],
  receivers: readonly ReceiverConfig[],
  context: CheckContext,
): void {
  const names = receiverNames({ receivers });
  const known = names.length === 0 ? 'none are configured' : `the receivers are ${names.join(', ')}`;
  rules.forEach(({ receivers: wanted = [] }, index) => {
    wanted.forEach((name, position) => {
      if (!names.includes(name)) {
        const message = `there is no receiver ${JSON.stringify(name)}; ${known}`;
        context.addIssue({ code: 'custom', path: ['rules', index, 'receivers', position], message });
      }
    });
  });
}

export function receiverNames({ receivers }: { readonly receivers: readonly ReceiverConfig[] }): readonly string[] {
  return receivers.map(({ name }) => name);
}
