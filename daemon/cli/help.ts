/** The help texts of stuckctl. */
import { wrapWords } from '../lib/terminal.js';
import { DEFAULT_ADDRESS } from '../rpc/address.js';
import { KINDS_BY_NAME } from '../rpc/enum-mapping.js';
import type { CommandName } from './arguments.js';

const COMMON = `  -o, --output FORMAT  table (default), json or jsonl
      --address ADDR   where stuckd listens: unix:PATH or HOST:PORT
                       (default: STUCKD_ADDRESS, or ${DEFAULT_ADDRESS})
  -h, --help           this text
`;

const KINDS = wrapWords([...KINDS_BY_NAME.keys()].join(', '), 60);

const FILTERS = `      --pid PID        only connections that this process holds, or left behind as orphans
      --kind KIND      only this kind: ${KINDS.join(`\n${' '.repeat(23)}`)}
      --peer PEER      only this peer: an address, or address:port ([address]:port for IPv6)
      --netns INODE    only this network namespace (readlink /proc/PID/ns/net)
                       Each may be given several times.
`;

const GENERAL = `stuckctl asks stuckd which TCP connections of this machine are stuck.

Usage: stuckctl COMMAND [options]

Commands:
  list      the connections that are stuck now
  get ID    one, in full, with its diagnosis and timeline
  watch     follow stuck connections as they open, change and end
  deliveries
            what was sent to receivers, what waits, what was given up
  status    the agent's own health

Options:
${COMMON}  -V, --version        the version

stuckctl COMMAND --help says more about a command.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 stuckd cannot be reached.
`;

const TOPICS: Readonly<Record<CommandName, string>> = {
  list: `Lists the connections that are stuck now, oldest detection first.

Usage: stuckctl list [options]

Options:
${FILTERS}      --limit N        at most N connections
      --ended          also those that are no longer stuck, as far as stuckd keeps them
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
Ctrl-C ends it; when stuckd restarts, stuckctl connects again and goes on.

Usage: stuckctl watch [options]

Options:
${FILTERS}${COMMON}
json and jsonl are the same here: one change a line.
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
