import { sharedStuckd } from './shared-stuckd.js';
import type { StuckdUnderTest } from './stuckd.js';

/**
 * A daemon that would tell everything at once, but for these kinds. To be called in the suite.
 * @returns gives the daemon, inside a test.
 */
export function switchedOffKinds(...kinds: readonly string[]): () => StuckdUnderTest {
  const after = ['zero_window', 'accept_queue_full', 'closing', 'fin_wait', 'close_wait', 'unread', 'zombie'];
  const settings = new Map<string, object>(after.map((kind) => [kind, { open: { after: '0ms' } }]));
  settings.set('accepting', { open: { after: '0ms', handshakes: 1, share: 0 } });
  for (const kind of kinds) {
    settings.set(kind, { ...settings.get(kind), enabled: false });
  }
  return sharedStuckd({
    config: { kinds: Object.fromEntries(settings) },
    sensor: { sweepInterval: '300ms', refreshInterval: '200ms' },
  });
}
