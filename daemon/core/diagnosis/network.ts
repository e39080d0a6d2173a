/** What to look at between here and the peer: the cause where it is known, the path where it is not. */
import { endpointWords } from '../format-words.js';
import { inItsNamespace } from './command.js';
import { idleLimitAdvice } from './idle-limit.js';
import { item, type Advice } from './item.js';
import type { Program } from './program.js';
import { isBusyPeer, isListener } from './words.js';
import { IS_UNANSWERED } from '../kinds.js';
import type { StuckRecord } from '../record.js';

/** @returns what the known cause asks for. */
export function causeAdvice(record: StuckRecord): readonly Advice[] {
  if (isListener(record)) {
    return [];
  }
  const { address } = record.remote;
  const run = (command: string): string => inItsNamespace(record, command);
  switch (record.cause) {
    case null:
      return [];
    case 'not_sent':
      return [
        item(
          'system',
          `This host drops the segments itself: look at its output rules and queues (${run('nft list ruleset')}; ${run('tc -s qdisc')}) and at its route (${run(`ip route get ${address}`)}).`,
        ),
      ];
    case 'neighbour_unreachable':
      return [
        item(
          'network',
          `Nobody answers ARP or neighbour discovery for the next hop: ${run(`ip route get ${address}`)} names it, ${run('ip neigh')} shows it as FAILED or INCOMPLETE. Without "via" in the route it is the peer's own host that is down.`,
        ),
      ];
    case 'path_mtu':
      return [
        item(
          'network',
          `A link on the path takes smaller packets than this host sends, and its ICMP message is lost: find it (${run(`tracepath -n ${address}`)}), let "fragmentation needed" (IPv6: "packet too big") through, or clamp the MSS.`,
        ),
      ];
  }
}

/** @returns where to look for what made the peer fall silent; nothing where the cause is known or the peer lives. */
export function pathAdvice(record: StuckRecord, program: Program): readonly Advice[] {
  const peer = endpointWords(record.remote);
  if (record.kind === 'accepting') {
    return [
      item(
        'network',
        'A few clients, or one network of them: the way back to them is broken, or a firewall lets only one direction through. Many unknown ones: a SYN flood, against which net.ipv4.tcp_syncookies=1 helps.',
      ),
    ];
  }
  if (!IS_UNANSWERED[record.kind] || record.cause !== null) {
    return [];
  }
  if (isBusyPeer(record)) {
    return [item('network', `The network is fine: ${peer} answers. It has to read faster, or be sent less at once.`)];
  }
  if (record.kind === 'zero_window' || (record.giveUp?.never === false && record.giveUp.reason === 'shrunk_window')) {
    return [item('network', `Look at the process behind ${peer}: it stopped reading before it went silent.`)];
  }
  const forgotten = idleLimitAdvice(record, program);
  if (forgotten !== null) {
    return [forgotten];
  }
  return [
    item(
      'network',
      record.kind === 'connecting'
        ? `Check the path to ${peer}: its host, the switches between, and any firewall that drops the SYN.`
        : `Check the path to ${peer}: its host, the switches between, and any firewall or load balancer that forgot the connection.`,
    ),
  ];
}
