/** What to change, so that the application learns in time: in the words of the diagnosis. */
import { durationWords } from '../format-words.js';
import { inNamespaceOf } from '../diagnosis/command.js';
import { item, type Advice } from '../diagnosis/item.js';
import { topicAdvice, type Topic } from '../diagnosis/options.js';
import { programOf } from '../diagnosis/program.js';
import { keepaliveSettingWords, lowerUserTimeoutAdvice, userTimeoutAdviceFor } from '../diagnosis/socket.js';
import type { Alike, AuditFinding } from './findings.js';
import { brokenLimits, type PathIdleLimit } from './rules.js';
import type { HeldConnection } from './run.js';

/** What operators set with this command; smaller values end healthy connections on bad links. */
const RETRIES2_ADVISED = 8;

/** Advice, and how many connections it would help. */
interface Weighed {
  readonly advice: Advice | null;
  readonly connections: number;
}

/** @returns what helps most connections first; empty where all is well. */
export function auditAdvice(finding: AuditFinding, limits: readonly PathIdleLimit[]): readonly Advice[] {
  const helpful = [
    ...applicationAdvice(finding),
    ...keepaliveAdvice(finding, limits),
    ...userTimeoutAdvice(finding),
    oneLostProbeAdvice(finding),
    retries2Advice(finding),
  ]
    .filter(({ connections }) => connections > 0)
    .sort((a, b) => b.connections - a.connections);
  // What is to be done about requests and about idle connections may be the same.
  const byText = new Map(helpful.flatMap(({ advice }) => (advice === null ? [] : [[advice.text, advice] as const])));
  return [...byText.values()];
}

/** What the program and its libraries can do about requests that hang, and about connections that only look alive. */
function applicationAdvice({ owner, peer, exposed, rules }: AuditFinding): readonly Weighed[] {
  const program = programOf({ owner, lastOwner: null });
  const about = (topic: Topic, connections: number): readonly Weighed[] =>
    topicAdvice(topic, program, owner !== null).map((advice) => ({ advice, connections }));
  const hanging = exposed.inFlight.never + exposed.inFlight.over;
  if (peer === null) {
    return about('client', Math.max(hanging, exposed.idle.never));
  }
  return [
    ...about('request', hanging),
    ...about('idle', Math.max(exposed.idle.never, rules.get('pool_longer_than_peer') ?? 0)),
  ];
}

function keepaliveAdvice(finding: AuditFinding, limits: readonly PathIdleLimit[]): Weighed[] {
  const { owner, latestFirstProbeUs, exposed, rules } = finding;
  const late = rules.get('keepalive_longer_than_idle_limit') ?? 0;
  const broken = brokenLimits(latestFirstProbeUs, limits).map(({ limitMs }) => limitMs);
  const below = broken.length === 0 ? '' : `, well below ${durationWords(Math.min(...broken) * 1000)}`;
  const setting = keepaliveSettingWords(programOf({ owner, lastOwner: null }));
  return [
    {
      advice: item('socket', `Let keepalive notice within a minute${below}: ${setting}.`),
      connections: Math.max(exposed.idle.never, late),
    },
  ];
}

function oneLostProbeAdvice({ alike, rules }: AuditFinding): Weighed {
  const nervous = alike.find(({ connection }) => connection.rules.includes('one_lost_probe'))?.connection;
  if (nervous === undefined) {
    return { advice: null, connections: 0 };
  }
  const { userTimeoutMs, keepaliveIdleMs, keepaliveIntervalMs } = nervous.options;
  const [is, idle, interval, least] = [
    userTimeoutMs * 1000,
    keepaliveIdleMs * 1000,
    keepaliveIntervalMs * 1000,
    nervous.exposure.secondProbeUs + keepaliveIntervalMs * 1000,
  ].map(durationWords);
  const text = `TCP_USER_TIMEOUT is ${is}, and keepalive probes after ${idle} idle, every ${interval}: make the user timeout ${least} or longer, or the idle time shorter, so that a second probe is sent and can be answered.`;
  return { advice: item('socket', text), connections: rules.get('one_lost_probe') ?? 0 };
}

/** @returns those that would retransmit for too long. */
function hanging({ alike, limitUs }: AuditFinding, isMeant: (one: HeldConnection) => boolean): readonly Alike[] {
  return alike.filter(({ connection }) => connection.exposure.inFlightUs > limitUs && isMeant(connection));
}

function countOf(alike: readonly Alike[]): number {
  return alike.reduce((sum, { count }) => sum + count, 0);
}

function userTimeoutAdvice(finding: AuditFinding): readonly Weighed[] {
  const without = hanging(finding, ({ options }) => options.userTimeoutMs === 0);
  const long = hanging(finding, ({ options }) => options.userTimeoutMs > 0);
  const program = programOf({ owner: finding.owner, lastOwner: null });
  const [first] = long;
  return [
    { advice: userTimeoutAdviceFor(program), connections: countOf(without) },
    {
      advice: first === undefined ? null : lowerUserTimeoutAdvice(first.connection.options.userTimeoutMs),
      connections: countOf(long),
    },
  ];
}

function retries2Advice(finding: AuditFinding): Weighed {
  const { owner } = finding;
  const patient = hanging(
    finding,
    ({ options, sysctls }) => options.userTimeoutMs === 0 && sysctls.retries2 > RETRIES2_ADVISED,
  );
  const setting = `sysctl -w net.ipv4.tcp_retries2=${RETRIES2_ADVISED}`;
  const command = owner === null ? `${setting} in its network namespace` : inNamespaceOf(owner.pid, setting);
  const text = `${command}, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.`;
  return { advice: item('system', text), connections: countOf(patient) };
}
