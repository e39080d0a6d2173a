/** What to change, so that the application learns in time: in the words of the diagnosis. */
import { durationWords } from '../format-words.js';
import { inNamespaceOf } from '../diagnosis/command.js';
import { item, type Advice } from '../diagnosis/item.js';
import { topicAdvice } from '../diagnosis/options.js';
import { programOf } from '../diagnosis/program.js';
import { keepaliveSettingWords, userTimeoutAdviceFor } from '../diagnosis/socket.js';
import type { AuditFinding } from './findings.js';
import type { PathIdleLimit } from './rules.js';

const ADVICE_MAX = 6;

/** @returns the most useful first; empty where all is well. */
export function auditAdvice(finding: AuditFinding, limits: readonly PathIdleLimit[]): readonly Advice[] {
  const { owner, peer, rules, byClass, inFlight, idle, connections } = finding;
  const program = programOf({ owner, lastOwner: null });
  const hangs = byClass.never + byClass.over > 0;
  const advice: (Advice | null)[] = [];
  if (rules.has('one_lost_probe')) {
    const { userTimeoutMs, keepaliveIdleMs, keepaliveIntervalMs } =
      connections.find((connection) => connection.rules.includes('one_lost_probe'))?.options ?? connections[0].options;
    advice.push(
      item(
        'socket',
        `TCP_USER_TIMEOUT is ${durationWords(userTimeoutMs * 1000)}, and keepalive probes after ${durationWords(keepaliveIdleMs * 1000)} idle, every ${durationWords(keepaliveIntervalMs * 1000)}: make the user timeout longer than the idle time and two intervals, so that a second probe is sent.`,
      ),
    );
  }
  if (hangs && peer === null) {
    advice.push(...topicAdvice('client', program, owner !== null));
  } else {
    advice.push(...(hangs ? topicAdvice('request', program, owner !== null) : []));
    const idles = idle.longestUs === Infinity || rules.has('pool_longer_than_peer');
    advice.push(...(idles ? topicAdvice('idle', program, owner !== null) : []));
  }
  if (rules.has('no_keepalive_no_user_timeout') || rules.has('keepalive_longer_than_idle_limit')) {
    const shortest = Math.min(...limits.map(({ limitMs }) => limitMs));
    const below = rules.has('keepalive_longer_than_idle_limit') ? `, well below ${durationWords(shortest * 1000)}` : '';
    advice.push(item('socket', `Let keepalive notice within a minute${below}: ${keepaliveSettingWords(program)}.`));
  }
  if (inFlight.longestUs > 0 && rules.has('default_retries2')) {
    advice.push(userTimeoutAdviceFor(program));
    const setting = 'sysctl -w net.ipv4.tcp_retries2=8';
    const command = owner === null ? `${setting} in its network namespace` : inNamespaceOf(owner.pid, setting);
    advice.push(
      item(
        'system',
        `${command}, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.`,
      ),
    );
  }
  // What is to be done about requests and about idle connections may be the same.
  const byText = new Map(advice.filter((entry) => entry !== null).map((entry) => [entry.text, entry]));
  return [...byText.values()].slice(0, ADVICE_MAX);
}
