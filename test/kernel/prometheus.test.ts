// Proves the claim about rules and dashboard: a real Prometheus (Debian's) scrapes a real stuckd while a network of its own is
// cut, healed, and a receiver fails; then every query of every panel and every expression of every rule is evaluated, and has
// the data that it should have; the alerts about the incident fire, reach a real Alertmanager by the example of a route, and
// what is mended is resolved. The rules are those that are shipped, with seconds in place of the minutes of "for". It cannot
// prove how a day looks: the cases for promtool do that. Other tests on this machine have stuck connections too, which this
// stuckd sees: counts are at least what this test has made.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { alertmanagerSkipReason, type Notification, startAlertmanager } from '../support/alertmanager.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, waitFor, type TwoHosts } from '../support/lab.js';
import {
  type ActiveAlert,
  prometheusSkipReason,
  PrometheusUnderTest,
  promtool,
  type Series,
} from '../support/prometheus.js';
import { allRules, dashboard, type PanelQuery, panelQueries, ruleFiles } from '../support/prometheus-files.js';
import { prometheusConfig, quickRules, routing } from '../support/quick-prometheus.js';
import { notPolled } from '../support/sensor-mode.js';
import { Sockprog } from '../support/sockprog.js';
import { StuckdUnderTest } from '../support/stuckd.js';
import { switchedOff } from '../support/switched-off.js';
import { answerWith, Endpoint } from '../unit/sinks/endpoint.js';

/** An emulated machine would need minutes to start Prometheus, and the kernel makes no difference to it. */
const inGuest = process.env['STUCKD_TEST_GUEST'] === '1' && 'another kernel makes no difference to Prometheus';
const skip =
  notPolled('its rules and panels are also about probes of BPF and about audits') ||
  labSkipReason() ||
  prometheusSkipReason() ||
  alertmanagerSkipReason() ||
  inGuest;

const PORT = 8000;

/** Connections that hang until the network is back: as many as the rule asks for, and one more. */
const HANGING = 4;

/** Connections that the kernel gives up, by a user timeout of 4 s. */
const GIVEN_UP = 2;

/** What variables of the dashboard stand for, with "All" chosen. */
const VARIABLES: readonly (readonly [string, string])[] = [
  ['$__rate_interval', '30s'],
  ['$cluster', '.*'],
  ['$node', '.*'],
];

/** Left out of the sensor, so that something is missing that panels and alerts are about. It plays no part in this story. */
const MISSING_PROBE = 'tcp_send_reset';

/** Asks for what there is only with `http.metrics.workloadLabels`, which this stuckd does not have. */
const NEEDS_WORKLOADS = 'Stuck connections, by workload B';

/** Tell of a sensor that polls, which this one does not. */
const NEED_POLLING = ['What polling does not reach A', 'What polling does not reach B'];

/** Queries about what did not happen: they have a value, and it may be 0. */
const MAYBE_ZERO = [
  'Nodes that see nothing',
  'Degraded',
  'Connections under observation B',
  'Sensor restarts within an hour',
  'Dropped, per minute, by stage A',
  'Dropped, per minute, by stage B',
  'Dropped, per minute, by stage C',
  'Events of the sensor, per second C',
  'Workloads under "other"',
  'Messages, per minute B',
  'Messages that were given up',
];

const QUICK = {
  kinds: { retransmitting: { alert: { after: '1s' } } },
  alerts: { keepFiringFor: '1s', updateInterval: '1s' },
};

function withVariables(expr: string): string {
  return VARIABLES.reduce((text, [name, value]) => text.replaceAll(name, value), expr);
}

function evaluate(prometheus: PrometheusUnderTest, { expr, isInstant }: PanelQuery): Promise<readonly Series[]> {
  return isInstant ? prometheus.query(withVariables(expr)) : prometheus.queryRange(withVariables(expr), 60);
}

/** What is missing in the answer to a panel's query; null if nothing is. */
function missing(name: string, series: readonly Series[]): string | null {
  const values = series.flatMap((each) => each.values).filter((value) => !Number.isNaN(value));
  if (name === NEEDS_WORKLOADS) {
    return values.length === 0 ? null : `${name}: has data without labels`;
  }
  if (NEED_POLLING.includes(name)) {
    return values.length === 0 ? null : `${name}: has data of a sensor that uses BPF`;
  }
  if (values.length === 0) {
    return `${name}: no data`;
  }
  return MAYBE_ZERO.includes(name) || values.some((value) => value > 0) ? null : `${name}: all values are 0`;
}

const find = (alerts: readonly ActiveAlert[], name: string): ActiveAlert | undefined =>
  alerts.find(({ labels, state }) => labels['alertname'] === name && state === 'firing');

/** A scrape that is late on a busy machine is a gap of a second: what is asked for is asked again. */
async function comesTrue(what: string, problemsNow: () => Promise<readonly string[]>): Promise<void> {
  let problems: readonly string[] = [];
  const isTrue = async (): Promise<boolean> => {
    problems = await problemsNow();
    return problems.length === 0;
  };
  try {
    await waitFor(isTrue, { what, timeoutMs: 30_000 });
  } catch (error) {
    assert.deepEqual(problems, [], what);
    throw error;
  }
}

interface Incident extends TwoHosts {
  readonly stuckd: StuckdUnderTest;
  /** Takes what stuckd tells it, and fails until it is told not to. */
  readonly failing: Endpoint;
}

describe('rules and dashboard', { skip }, () => {
  test('of what a Prometheus has scraped while connections hang, are given up and recover, and a receiver fails', async (t) => {
    const [failing, working, pager] = [await Endpoint.start(), await Endpoint.start(), await Endpoint.start()];
    t.after(() => Promise.all([failing, working, pager].map((endpoint) => endpoint.close())));
    failing.answer = answerWith(503);
    const hook = (name: string, { url }: Endpoint): object => ({ name, type: 'webhook', url, allowLoopback: true });
    const stuckd = await StuckdUnderTest.start(t, {
      config: { ...QUICK, receivers: [hook('failing', failing), hook('working', working)] },
      sensor: { without: [...switchedOff(), MISSING_PROBE] },
    });
    const hosts = await createTwoHosts(t);
    const prometheus = await PrometheusUnderTest.start(
      t,
      prometheusConfig(stuckd.httpOrigin, await startAlertmanager(t, routing(pager))),
      quickRules(),
    );
    await waitFor(async () => (await prometheus.query('stuckd_ready == 1')).length > 0, { what: 'the first scrape' });

    await cutAndGiveUp({ ...hosts, stuckd, failing });
    await t.test('the alerts about it fire, and say what and where', () => alertsFire(prometheus));
    await t.test('they reach Alertmanager by the routes of the example', () => notified(pager));
    await healAndRecover({ ...hosts, stuckd, failing });
    await t.test('every panel has the data that it should have', () => panelsHaveData(prometheus));
    await t.test('variables and annotations of the dashboard have their values', () => variablesHaveValues(prometheus));
    await t.test('every expression of every rule is evaluated, and everything is recorded', () =>
      rulesHold(prometheus),
    );
    await t.test('the alert about the receiver is resolved when it is mended', async () => {
      failing.answer = answerWith(200);
      await receiverIsMended(prometheus);
    });
    await t.test('promtool finds nothing wrong with what stuckd exposes', () => metricsAreClean(stuckd));
  });
});

async function cutAndGiveUp({ lab, client, server, link, stuckd }: Incident): Promise<void> {
  const serving = await Sockprog.start(lab, server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=sink`);
  const using = await Sockprog.start(lab, client);
  const hanging = Array.from({ length: HANGING }, (_, index) => `h${index}`);
  const givenUp = Array.from({ length: GIVEN_UP }, (_, index) => `g${index}`);
  for (const id of hanging) {
    await using.connect(id, SERVER_ADDRESS, PORT);
  }
  for (const id of givenUp) {
    await using.connect(id, SERVER_ADDRESS, PORT, 'user_timeout=4000');
  }
  // Otherwise the first is ten minutes away.
  await stuckd.client.auditConnections({});
  await link.cut();
  for (const id of [...hanging, ...givenUp]) {
    await using.command(`send ${id} 100`);
  }
  const outcomes = (): readonly unknown[] =>
    stuckd.changesIn(client).flatMap(({ kind, record }) => (kind === 'ended' ? [record.outcome] : []));
  await waitFor(() => outcomes().length >= GIVEN_UP, { what: 'the kernel to give up' });
  assert.deepEqual(outcomes(), Array<string>(GIVEN_UP).fill('OUTCOME_TIMED_OUT'));
}

async function healAndRecover({ client, link, stuckd }: Incident): Promise<void> {
  await link.heal();
  const recovered = (): number =>
    stuckd.changesIn(client).filter(({ kind, record }) => kind === 'ended' && record.outcome === 'OUTCOME_RECOVERED')
      .length;
  await waitFor(() => recovered() === HANGING, { what: 'all of them to recover' });
}

async function alertsFire(prometheus: PrometheusUnderTest): Promise<void> {
  const fires = async (name: string): Promise<ActiveAlert> =>
    waitFor(async () => find(await prometheus.alerts(), name), { what: `${name} to fire` });
  const stuck = await fires('StuckdConnectionsStuck');
  const { alertname, cluster, node, kind, direction, severity } = stuck.labels;
  assert.deepEqual(
    { alertname, cluster, node, kind, direction, severity },
    {
      ...{ alertname: 'StuckdConnectionsStuck', cluster: 'lab', node: 'client', severity: 'warning' },
      ...{ kind: 'retransmitting', direction: 'outbound' },
    },
  );
  assert.match(stuck.annotations['description'] ?? '', /^On client \d+ connections are sending into a black hole/);
  assert.match(stuck.annotations['dashboard_url'] ?? '', /\?var-node=client$/);
  const receiver = await fires('StuckdReceiverFailing');
  assert.equal(receiver.labels['receiver'], 'failing');
}

async function notified(pager: Endpoint): Promise<void> {
  const isTold = (alertname: string): boolean =>
    pager.received.some(({ path, body }) => {
      const { groupLabels, status } = JSON.parse(body) as Notification;
      return (
        path === '/tickets' &&
        groupLabels['alertname'] === alertname &&
        groupLabels['cluster'] === 'lab' &&
        status === 'firing'
      );
    });
  await waitFor(() => isTold('StuckdConnectionsStuck') && isTold('StuckdReceiverFailing'), { what: 'both tickets' });
}

async function panelsHaveData(prometheus: PrometheusUnderTest): Promise<void> {
  const queries = panelQueries(dashboard());
  for (const name of [...MAYBE_ZERO, NEEDS_WORKLOADS]) {
    assert.ok(
      queries.some((query) => query.name === name),
      `there is no query ${name}`,
    );
  }
  // The connections of this test have just recovered: what was stuck then is asked for the last minute.
  const asRange = (query: PanelQuery): PanelQuery => ({ ...query, isInstant: false });
  await comesTrue('data in every panel', async () => {
    const found = await Promise.all(
      queries.map(async (query) => missing(query.name, await evaluate(prometheus, asRange(query)))),
    );
    return found.filter((problem) => problem !== null);
  });
}

async function variablesHaveValues(prometheus: PrometheusUnderTest): Promise<void> {
  const { templating, annotations } = dashboard();
  const values: string[] = [];
  for (const { query } of templating.list) {
    const [, selector, label] =
      /^label_values\((.*), (\w+)\)$/.exec(typeof query === 'string' ? '' : query.query) ?? [];
    if (selector !== undefined && label !== undefined) {
      values.push(...(await prometheus.labelValues(label, withVariables(selector))));
    }
  }
  assert.deepEqual(values, ['lab', 'client']);
  for (const { expr } of annotations.list) {
    assert.ok((await prometheus.queryRange(withVariables(expr), 60)).length > 0, expr);
  }
}

async function rulesHold(prometheus: PrometheusUnderTest): Promise<void> {
  await comesTrue('everything is recorded', async () => {
    const problems: string[] = [];
    for (const { record, expr } of allRules()) {
      const series = await prometheus.query(expr); // throws where it cannot be evaluated
      if (record !== undefined && series.length === 0) {
        problems.push(`${record} could not be recorded`);
      }
      if (record !== undefined && (await prometheus.query(record)).length === 0) {
        problems.push(`${record} is not recorded`);
      }
    }
    return problems;
  });
  const aboutStuckd = ruleFiles()
    .filter(({ name }) => name === 'alerts-agent.yaml')
    .flatMap(({ groups }) => groups.flatMap(({ rules }) => rules.map(({ alert }) => alert ?? '')));
  const expected = ['StuckdProbeMissing', 'StuckdReceiverFailing'];
  await comesTrue('nothing else is wrong with stuckd', async () => {
    const alerts = await prometheus.alerts();
    const firing = aboutStuckd.filter((name) => find(alerts, name) !== undefined);
    return [
      ...expected.filter((name) => !firing.includes(name)).map((name) => `${name} does not fire`),
      ...firing.filter((name) => !expected.includes(name)).map((name) => `${name} fires`),
    ];
  });
}

/** Not that it cannot be known: the receiver is scraped, and is well. */
async function receiverIsMended(prometheus: PrometheusUnderTest): Promise<void> {
  const isResolved = async (): Promise<boolean> =>
    (await prometheus.query('stuckd_receiver_failing{receiver="failing"} == 0')).length > 0 &&
    (await prometheus.alerts()).every(({ labels }) => labels['alertname'] !== 'StuckdReceiverFailing');
  await waitFor(isResolved, { what: 'the end of StuckdReceiverFailing' });
}

async function metricsAreClean(stuckd: StuckdUnderTest): Promise<void> {
  const text = await (await fetch(`${stuckd.httpOrigin}/metrics`)).text();
  assert.match(text, /^stuckd_ready 1$/m);
  assert.deepEqual(promtool(['check', 'metrics'], text), { code: 0, output: '' });
}
