/**
 * The give-up model: from one snapshot of a socket, when the kernel will end it, why, and with which errno.
 *
 * The kernel's timers are played forward on the assumption that nothing comes from the peer any more and no setting
 * changes; any answer makes the forecast void, and a new snapshot gives the new one. Exact to the bucket of the timer
 * wheel: the last wait of a long backoff is seconds longer than the RTO says.
 */
import { forecastKeepalive } from './give-up-keepalive.js';
import { forecastRto } from './give-up-rto.js';
import { forecastShrunkWindow } from './give-up-shrunk-window.js';
import { forecastWindowProbe, isProbingWindow } from './give-up-window-probe.js';
import { tickClock, type TickClock } from './jiffies.js';
import { hasNothingToSend } from './keepalive-probes.js';
import { isInsideRtoTimer } from './kernel-limits.js';
import { finalFacts, type Play } from './play-forward.js';
import type { GiveUp } from './record.js';
import { PENDING, TCP_STATE, type ClockReport, type KernelFacts, type SocketSnapshot } from './snapshot.js';
import { withSuppositions } from './suppositions.js';

/** States in which the RTO, the persist timer or the keepalive timer decides. */
const LIVE_STATES: ReadonlySet<number> = new Set([
  TCP_STATE.ESTABLISHED,
  TCP_STATE.FIN_WAIT1,
  TCP_STATE.FIN_WAIT2,
  TCP_STATE.CLOSE_WAIT,
  TCP_STATE.LAST_ACK,
  TCP_STATE.CLOSING,
]);

/** Values of `icsk_pending` that end in a retransmission timeout. */
const RTO_PENDING: ReadonlySet<number> = new Set([PENDING.RETRANS, PENDING.LOSS_PROBE, PENDING.REO_TIMEOUT]);

/**
 * @param clock any report of this boot; it gives the phase of the tick.
 * @param play what else to tell about the way to the end, and what to suppose on it.
 * @returns the forecast; `never` where the kernel has no deadline; null where the snapshot does not tell, because no
 * timer that could end the socket stands in it.
 */
export function forecastGiveUp(
  socket: SocketSnapshot,
  kernel: KernelFacts,
  clock: ClockReport,
  play: Play = {},
): GiveUp | null {
  const giveUp = forecast(socket, tickClock(kernel, clock), play);
  const facts = finalFacts(socket, play);
  return giveUp === null || facts.unknown.length === 0 ? giveUp : withSuppositions(giveUp, facts);
}

function forecast(socket: SocketSnapshot, ticks: TickClock, play: Play): GiveUp | null {
  const retransmits = socket.packetsOut > 0 && (RTO_PENDING.has(socket.pending) || isInsideRtoTimer(socket));
  if (socket.state === TCP_STATE.SYN_SENT) {
    return retransmits ? forecastRto(socket, ticks, play) : null;
  }
  if (!LIVE_STATES.has(socket.state)) {
    return null;
  }
  if (retransmits) {
    // An orphan with a closed window is not spared: it goes by the ordinary limit.
    return socket.sndWnd === 0 && !finalFacts(socket, play).dead
      ? forecastShrunkWindow(socket, ticks, play)
      : forecastRto(socket, ticks, play);
  }
  if (socket.pending === PENDING.PROBE0 && isProbingWindow(socket)) {
    return forecastWindowProbe(socket, ticks, play);
  }
  if (!isIdle(socket)) {
    return null;
  }
  return socket.keepalive ? forecastKeepalive(socket, ticks, play) : { never: true };
}

/** Held by somebody, nothing in flight, nothing queued. The timer of a dead FIN_WAIT2 is not a keepalive timer. */
function isIdle(socket: SocketSnapshot): boolean {
  return !socket.dead && hasNothingToSend(socket);
}
