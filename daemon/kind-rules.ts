/** From the daemon's configuration to the rules of the tracker: the same tree, with units in its names. */
import type { Config } from './config.js';
import { DEFAULT_TRACKER_CONFIG, type KindRules, type TrackerConfig } from './core/tracker-config.js';
import { trackerRoom } from './tracker-room.js';

interface Lasting {
  readonly enabled: boolean;
  readonly open: { readonly after: number };
}

function lasting({ enabled, open }: Lasting): {
  readonly enabled: boolean;
  readonly open: { readonly afterMs: number };
} {
  return { enabled, open: { afterMs: open.after } };
}

function kindRules({ kinds }: Config): KindRules {
  const { zero_window: window, accepting, stale_reuse: reuse } = kinds;
  return {
    retransmitting: kinds.retransmitting,
    keepalive_unanswered: kinds.keepalive_unanswered,
    zero_window: { ...window, open: { probes: window.open.probes, afterMs: window.open.after } },
    connecting: kinds.connecting,
    accepting: {
      ...accepting,
      open: { handshakes: accepting.open.handshakes, share: accepting.open.share, afterMs: accepting.open.after },
    },
    accept_queue_full: lasting(kinds.accept_queue_full),
    closing: lasting(kinds.closing),
    fin_wait: lasting(kinds.fin_wait),
    close_wait: lasting(kinds.close_wait),
    unread: lasting(kinds.unread),
    zombie: lasting(kinds.zombie),
    stale_reuse: { ...reuse, open: { idleMs: reuse.open.idle } },
  };
}

export function trackerConfig(config: Config): TrackerConfig {
  return { ...DEFAULT_TRACKER_CONFIG, kinds: kindRules(config), maxTracked: trackerRoom() };
}
