/** The help texts of stuckctl. */
import { wrapWords } from '../lib/terminal.js';
import { DEFAULT_ADDRESS } from '../rpc/address.js';
import { KINDS_BY_NAME } from '../rpc/enum-mapping.js';
import type { CommandName } from './arguments.js';

const COMMON = `  -o, --output FORMAT  table (default), json or jsonl
      --address ADDR   where stuckd listens: unix:PATH or HOST:PORT
                       (default: STUCKD_ADDRESS, or ${DEFAULT_ADDRESS})
                       Several with commas, dns:///HOST:PORT for all that a name resolves to,
                       @FILE for one a line: then all of these nodes are asked at once.
      --node NAME      of several nodes only this one: its host name, or its address
      --timeout TIME   how long each of several nodes may take (5s): to say who it is, and to answer
      --tls-ca FILE    over TCP: who signs the certificate of stuckd      (STUCKD_TLS_CA)
      --tls-cert FILE, --tls-key FILE
                       your own certificate and key     (STUCKD_TLS_CERT, STUCKD_TLS_KEY)
      --tls-server-name NAME
                       the name in the certificate of stuckd    (STUCKD_TLS_SERVER_NAME)
  -h, --help           this text
`;

const KINDS = wrapWords([...KINDS_BY_NAME.keys()].join(', '), 60);

const FILTERS = `      --pid PID        only connections that this process holds, or left behind as orphans
      --kind KIND      only this kind: ${KINDS.join(`\n${' '.repeat(23)}`)}
      --peer PEER      only this peer: an address, or address:port ([address]:port for IPv6)
      --netns INODE    only this network namespace (readlink /proc/PID/ns/net)
      --container ID   only this container: its id, or at least the first 12 digits
      --pod POD        only this pod: NAME or NAMESPACE/NAME
      --unit UNIT      only this systemd unit, for example nginx.service
                       Each may be given several times.
`;

const GENERAL = `stuckctl asks stuckd which TCP connections of this machine are stuck.

Usage: stuckctl COMMAND [options]

Commands:
  list       the connections that are stuck now
  get ID     one, in full, with its diagnosis and timeline
  watch      follow stuck connections as they open, change and end
  processes  the processes that hold stuck connections: how many of how many
  peers      the peers that connections are stuck to, and whether new ones work
  alerts     what a person should know of: one alert for a process and a peer
  deliveries what was sent to receivers, what waits, what was given up
  status     the agent's own health

Options:
${COMMON}  -V, --version        the version

stuckctl COMMAND --help says more about a command.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 stuckd cannot be reached,
5 some of several nodes did not answer: what the others said is shown.
With several nodes json is {"nodes": [{"node", "address", "response"}], "unreachable": [...]}, each
response as that node alone gives it, and jsonl is one {"node", "address", "item"} a line.
`;

const TOPICS: Readonly<Record<CommandName, string>> = {
  list: `Lists the connections that are stuck now, oldest detection first.

Usage: stuckctl list [options]

Options:
${FILTERS}      --limit N        at most N connections
      --ended          also those that are no longer stuck, as far as stuckd keeps them
      --since TIME     with --ended: only what was stuck at some time from then on
      --until TIME     only what was detected before then
                       TIME is how long ago (30m, 2h, 7d), or when (2026-11-22T08:30, Z for UTC).
${COMMON}
json is one document, {"stuckConnections": [...]}; jsonl is one connection a line.
`,
  get: `Shows one stuck connection in full: what it means, what to do, the facts, its retransmissions until
the kernel gives up, and what happened to it.

Usage: stuckctl get ID [options]

Options:
      --what-if SETTING=VALUE
                       also say when it would end, or would have ended, under another setting:
                         tcp_retries2=N, tcp_syn_retries=N, tcp_orphan_retries=N (sysctls)
                         user-timeout=30s (TCP_USER_TIMEOUT; 0 switches it off)
                         keepalive=20s/10s/3 (idle time, interval, probes)
                       May be given several times. Nothing is changed.
${COMMON}
json is the whole answer; jsonl the connection on one line, or with --what-if the whole answer.
`,
  watch: `Follows stuck connections: first those that are stuck now, then every change, one a line.
Ctrl-C ends it. When the connection is lost or stuckd restarts, stuckctl connects again, goes on
where it was, and says whether anything was missed.

Usage: stuckctl watch [options]

Options:
${FILTERS}${COMMON}
json and jsonl are the same here: one change a line.
`,
  processes: `Lists the processes that have stuck connections, most of them first: how many of how many, of which kind, and
where they lead to.

Usage: stuckctl processes [options]

Options:
${FILTERS}      --limit N        at most N processes
${COMMON}
The filters choose the connections that count as stuck; totals are of all connections, as of the last sweep.
What came in counts by the local port, never by client. Connections whose process is gone stand under "(none)".
json is one document, {"processes": [...]}; jsonl is one process a line.
`,
  peers: `Lists the peers to which connections are stuck, most of them first, and what that looks like:

  dead           nothing works: all are stuck or silent, and new connections fail
  poisoned_pool  new connections work, the old ones are lost: drop them
  partial        some are stuck, others work: one of several servers behind the address, perhaps
  not_tried      all are stuck, and nobody tried a new connection lately

Usage: stuckctl peers [options]

Options:
${FILTERS}      --limit N        at most N peers
${COMMON}
New connections are counted from the moment at which the first one to the peer got stuck.
Of several nodes, what they say about one peer is one line, with two verdicts more:

  dead_from_some dead from these nodes; the others have nothing stuck to it
  partition      dead from some nodes, while others get new connections: the network between is at fault

json is one document, {"peers": [...]}; jsonl is one peer a line.
`,
  alerts: `Lists the alerts that are firing, the gravest first; with --watch follows them, one change a line.
An alert stands for all connections of one process to one peer that are stuck in the same way.

Usage: stuckctl alerts [options]

Options:
  -w, --watch          follow: first those that fire now, then every change; Ctrl-C ends it. When the connection is
                       lost or stuckd restarts, it goes on where it was, and says whether anything was missed.
      --test RECEIVER  list nothing; send this receiver of the configuration a test alert, and show what it answers
      --all            also those that were resolved, as far as stuckd keeps them
      --since TIME     also those that were resolved, if they were firing at some time from then on
                       TIME is how long ago (30m, 2h, 7d), or when (2026-11-22T08:30, Z for UTC).
      --severity LEVEL only alerts at least as grave: info, warning, critical
      --pid PID        only alerts about this process
      --kind KIND      only this kind: ${KINDS.join(`\n${' '.repeat(23)}`)}
      --peer PEER      only this peer: an address, or address:port ([address]:port for IPv6)
                       The last three may be given several times.
      --limit N        at most N alerts
${COMMON}
json is one document, {"alerts": [...]}; jsonl is one alert a line. With --watch both are one change a line.
`,
  deliveries: `Shows what receivers were told of alerts lately, what waits to be sent, and what was given up.

Usage: stuckctl deliveries [options]

Options:
      --receiver NAME  only those to this receiver
      --state STATE    only pending, delivered or dead ones
                       Each may be given several times.
      --limit N        at most N deliveries
      --retry ID       send this one again, now: a dead one, or one that waits
${COMMON}
json is one document, {"deliveries": [...]}, or with --retry {"delivery": {...}}; jsonl is one a line.
`,
  status: `Shows whether stuckd sees everything, and what it sees.

Usage: stuckctl status [options]

Options:
${COMMON}`,
};

/** @param topic a command, or null for the overview. */
export function helpText(topic: CommandName | null): string {
  return topic === null ? GENERAL : TOPICS[topic];
}
