/** Puts the daemon together, starts it and stops it. */
import { join } from 'node:path';
import { buildAgentFacts } from './agent-report.js';
import { Alerting } from './alerting.js';
import { Auditing } from './auditing.js';
import type { AgentFacts } from './core/agent-facts.js';
import type { NodeFacts, StatusReport, StatusSource } from './core/ports.js';
import type { SensorRecord } from './core/sensor-records.js';
import type { SavedEntry, SavedState } from './core/tracker-messages.js';
import type { Config } from './config.js';
import { grpcOptions } from './config-grpc.js';
import { historyLimits } from './config-history.js';
import { CleanupStack } from './lib/cleanup-stack.js';
import type { Logger } from './lib/logger.js';
import { type MachineClock, SystemClock } from './lib/system-clock.js';
import { trackerConfig } from './kind-rules.js';
import { Monitoring } from './monitoring.js';
import { basicNodeFacts, readNodeFacts } from './node-facts.js';
import { planReload } from './reload.js';
import { ConnectionHistory } from './rpc/connection-history.js';
import { type GrpcServer, startGrpcServer } from './rpc/grpc-server.js';
import { SaveResults } from './save-results.js';
import { announceSensor } from './sensor-announcement.js';
import { openSensor, sensorConfiguration } from './sensor-configuration.js';
import type { SensorLink } from './sensor/sensor-link.js';
import type { SessionEnd } from './sensor/sensor-session.js';
import { PassPacer } from './sensor/pass-pacer.js';
import { SensorSupervisor } from './sensor/sensor-supervisor.js';
import { SensorIntake } from './sensor-intake.js';
import { SensorLosses } from './sensor-losses.js';
import { buildStatus, untrackedCount } from './status-report.js';
import { History } from './store/history.js';
import { type LoadedState, OpenRecordStore } from './store/open-records.js';
import { StateSaver } from './store/state-saver.js';
import type { TotalsEngine } from './tracker/totals-engine.js';
import { TrackerEngine } from './tracker/tracker-engine.js';
import { createTotals } from './totals.js';
import { encodeUnwatch, encodeWatch } from './wire/command-encoder.js';
import { createWorkloads, nodeNameOf, type Workloads } from './workloads.js';

/** The daemon cannot work here; the message says what is missing and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

export interface App extends StatusSource {
  readonly engine: TrackerEngine;
  readonly clock: MachineClock;
  readonly grpcAddress: string;
  /** Where gRPC listens besides; null if nowhere. */
  readonly grpcTcpAddress: string | null;
  /** Where metrics and health are served; null if nowhere. */
  readonly httpAddress: string | null;
  /** Resolves when the sensor is attached for the first time and its first sweep is complete. */
  readonly firstPicture: Promise<void>;
  /** Rejects with StartError if the first sensor says that it cannot work on this machine. */
  readonly failed: Promise<never>;
  /** Goes on with another configuration, as far as that is possible without a restart, and logs what came of it. */
  reload(wanted: Config): void;
  /** The configuration was to be read again, and is wrong. */
  reloadFailed(): void;
  /** Ends watches, the sensor and the server, and saves open records; bounded in time. Idempotent. */
  stop(): Promise<void>;
}

/** How long clients get to finish their calls, and how long any step of the end may take. */
const DRAIN_MS = 3000;
const STOP_STEP_MS = 5000;

/** @param name of the stream whose history it is */
function createHistory(name: string, config: Config, log: Logger): History {
  return new History(join(config.stateDir, 'history'), name, historyLimits(config.history.disk), log);
}

/** Everything that the parts share while the daemon runs. */
class RunningApp implements App {
  readonly clock: MachineClock;
  readonly engine: TrackerEngine;
  readonly #intake: SensorIntake;
  readonly #passes: PassPacer;
  readonly #totals: TotalsEngine;
  readonly firstPicture: Promise<void>;
  readonly failed: Promise<never>;
  grpcAddress = '';
  grpcTcpAddress: string | null = null;
  #grpc: GrpcServer | null = null;
  #config: Config;
  readonly #log: Logger;
  readonly #cleanup = new CleanupStack(STOP_STEP_MS);
  readonly #supervisor: SensorSupervisor;
  readonly #workloads: Workloads;
  readonly #history: History;
  readonly #connectionHistory: ConnectionHistory;
  readonly #startRealUs = Date.now() * 1000;
  #saver: StateSaver<SavedState> | null = null;
  readonly #alerting: Alerting;
  readonly #auditing: Auditing;
  readonly #saves: SaveResults;
  readonly #monitoring: Monitoring;
  readonly #losses = new SensorLosses();
  #reload: AgentFacts['reload'] = { isSuccessful: true, lastSuccessRealUs: this.#startRealUs };
  readonly #nodeName: string | null;
  #nodeFacts: NodeFacts;
  #wasUp = false;
  #stopping: Promise<void> | null = null;
  #resolveFirstPicture: () => void = () => undefined;
  #rejectFailed: (error: StartError) => void = () => undefined;

  constructor(config: Config, log: Logger, clock: MachineClock) {
    this.#config = config;
    this.#log = log;
    this.#saves = new SaveResults(log);
    this.clock = clock;
    this.#nodeName = nodeNameOf(config.kubernetes, process.env);
    this.#nodeFacts = basicNodeFacts(this.#nodeName);
    this.firstPicture = new Promise((resolve) => {
      this.#resolveFirstPicture = resolve;
    });
    this.failed = new Promise((_resolve, reject) => {
      this.#rejectFailed = reject;
    });
    this.failed.catch(() => undefined); // whoever waits for it gets it; nobody has to
    this.#supervisor = new SensorSupervisor(() => this.#connect(), sensorConfiguration(config), {
      up: (introduction) => {
        const { hello, clock } = introduction;
        this.engine.sensorUp({ hz: hello.hz, bootId: hello.bootId, release: hello.kernelRelease }, clock);
        this.#totals.sensorUp(hello.hz);
        void this.#connectionHistory.settle();
        announceSensor(introduction, this.#log, this.#wasUp);
        this.#auditing.sensorUp(introduction.mode.mode);
        this.#wasUp = true;
      },
      records: (all) => {
        this.#intake.take(this.#auditing.take(all));
      },
      isBusy: () => this.#intake.isBusy,
      down: (end, retryMs) => {
        this.#sensorDown(end, retryMs);
      },
    });
    this.#passes = new PassPacer(this.#supervisor, () => this.engine.lastSweep);
    this.engine = new TrackerEngine({
      config: trackerConfig(config),
      endedMax: config.history.ended,
      clock: this.clock,
      sensor: {
        requestPass: (kind) => {
          this.#passes.request(kind);
        },
        watch: (cookie) => {
          this.#supervisor.send(encodeWatch(cookie));
        },
        unwatch: (cookie) => {
          this.#supervisor.send(encodeUnwatch(cookie));
        },
      },
      onSaveable: () => {
        this.#saver?.touch();
      },
    });
    this.#intake = new SensorIntake(this.engine, (records) => {
      this.#taken(records);
    });
    this.#auditing = new Auditing({ config: config.audit, clock, tracker: this.engine, sensor: this.#supervisor });
    this.#workloads = createWorkloads(config, this.engine, log, process.env);
    // Before anybody else hears of a change, it is in the history.
    this.#history = createHistory('connections', config, log);
    this.#connectionHistory = new ConnectionHistory(this.#history, this.engine, this.clock, this.#workloads.source);
    this.#totals = this.#createTotals();
    this.#alerting = this.#createAlerting(config);
    this.#monitoring = this.#createMonitoring(config);
    void this.firstPicture.then(() => {
      this.#alerting.settle();
    });
  }

  #createMonitoring({ http }: Config): Monitoring {
    return new Monitoring({
      ...{ config: http, log: this.#log, clock: this.clock, status: this, facts: () => this.#agentFacts() },
      ...{ records: this.engine, workloads: this.#workloads.source, alerts: this.#alerting.alerts },
      audits: this.#auditing.source,
    });
  }

  #createAlerting(config: Config): Alerting {
    return new Alerting({
      config,
      node: this.#nodeFacts.hostname,
      clock: this.clock,
      records: this.engine,
      workloads: this.#workloads.source,
      totals: this.#totals.totals,
      log: this.#log,
      history: createHistory('alerts', config, this.#log),
      onSaved: (error) => {
        this.#saves.take('firing alerts', 'a restart lets them fire anew', error);
      },
    });
  }

  /** Acquires everything, in the order in which it is needed. @throws Error with a message for the operator */
  async start(): Promise<void> {
    const store = new OpenRecordStore(this.#config.stateDir);
    const [{ state, problem }] = await Promise.all([this.#load(store), this.#connectionHistory.open()]);
    this.#cleanup.push('history', () => this.#history.close());
    if (problem !== null) {
      this.#log.warn(`open records of the last run are not known: ${problem}`);
    }
    this.#cleanup.push('tracker', () => {
      this.engine.stop();
      this.#totals.stop();
    });
    this.#workloads.start();
    this.#cleanup.push('workloads', () => this.#workloads.stop());
    this.#saver = new StateSaver(
      store,
      () => this.engine.saveable(),
      (error) => {
        this.#saves.take('open records', 'their ids will not survive a restart', error);
      },
    );
    await this.#monitoring.start(this.#cleanup);
    // Before the records, which go on with them.
    await this.#alerting.start(this.#cleanup);
    if (state !== null) {
      // What has ended was told, though the daemon may have been killed before it saved that.
      const hasNotEnded = ({ record }: SavedEntry): boolean => !this.#connectionHistory.stream.hasEnded(record.id);
      this.engine.restore({ ...state, entries: state.entries.filter(hasNotEnded) });
    }
    const grpc = await startGrpcServer({
      ...grpcOptions(this.#config.grpc),
      services: {
        records: this.engine,
        alerts: this.#alerting.alerts,
        deliveries: this.#alerting.deliveries,
        workloads: this.#workloads.source,
        totals: this.#totals.totals,
        audits: this.#auditing.source,
        history: this.#connectionHistory,
        alertHistory: this.#alerting.history,
        status: this,
        clock: this.clock,
      },
      log: this.#log,
    });
    this.#grpc = grpc;
    this.grpcAddress = grpc.address;
    this.grpcTcpAddress = grpc.tcpAddress;
    this.#cleanup.push('open records', () => this.#saver?.close());
    this.#cleanup.push('gRPC server', () => grpc.drain(DRAIN_MS));
    this.#supervisor.start();
    this.#auditing.start(this.firstPicture, this.#cleanup);
    this.#cleanup.push('sensor', () => this.#supervisor.stop());
    void readNodeFacts(this.#nodeName).then((facts) => {
      this.#nodeFacts = facts;
    });
  }

  status(): StatusReport {
    const alerting = this.#alerting.status();
    return buildStatus({
      startRealUs: this.#startRealUs,
      daemonPid: process.pid,
      supervisor: this.#supervisor.status(),
      ...{ counters: this.#losses.counters, reach: this.#losses.reach },
      lastLossUs: this.#losses.lastLossUs,
      tracker: this.engine.state,
      uncounted: this.#totals.uncounted,
      lastSweep: this.engine.lastSweep,
      sweepIntervalMs: this.#config.sensor.sweepInterval,
      sweepCpuPercentMax: this.#config.sensor.sweepCpuPercentMax,
      nowUs: this.clock.nowUs(),
      isStopping: this.#stopping !== null,
      unsaved: this.#saves.unsaved,
      historyProblems: this.#history.problems,
      workloadProblems: this.#workloads.problems(),
      alerting: alerting.report,
      deliveryProblems: alerting.problems,
      grpcProblems: this.#grpc?.problems() ?? [],
      node: this.#nodeFacts,
    });
  }

  reload(wanted: Config): void {
    const { config, changed, needRestart } = planReload(this.#config, wanted);
    this.#reload = { isSuccessful: true, lastSuccessRealUs: Date.now() * 1000 };
    if (changed.length > 0) {
      this.#config = config;
      this.#log.setLevel(config.log.level);
      this.#supervisor.configure(sensorConfiguration(config));
      this.engine.reconfigure(trackerConfig(config), config.history.ended);
      this.#history.setLimits(historyLimits(config.history.disk));
      this.#alerting.reconfigure(config);
      this.#auditing.reconfigure(config.audit);
    }
    this.#log.info(
      `the configuration was read again; changed: ${changed.length === 0 ? 'nothing' : changed.join(', ')}`,
    );
    if (needRestart.length > 0) {
      this.#log.warn(`these keys are read at start only, restart to apply them: ${needRestart.join(', ')}`);
    }
  }

  reloadFailed(): void {
    this.#reload = { ...this.#reload, isSuccessful: false };
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#release();
    await this.#stopping;
  }

  get httpAddress(): string | null {
    return this.#monitoring.address;
  }

  #agentFacts(): AgentFacts {
    return buildAgentFacts({
      ...{ losses: this.#losses, engine: this.engine, totals: this.#totals, alerting: this.#alerting },
      ...{ history: this.#history, grpc: this.#grpc, reload: this.#reload, httpDropped: this.#monitoring.dropped },
    });
  }

  /** @param records that the tracker has taken, in order; none of an audit */
  #taken(records: readonly SensorRecord[]): void {
    this.#totals.take(records);
    this.#losses.takeRecords(records, untrackedCount(this.engine.state), this.clock.nowUs());
    for (const record of records) {
      if (record.type === 'pass') {
        this.#monitoring.passed(record.pass);
      }
    }
    if (this.engine.lastSweep !== null) {
      this.#resolveFirstPicture();
    }
  }

  #createTotals(): TotalsEngine {
    return createTotals(this.engine, this.#supervisor, this.#passes, this.clock, () => {
      this.#alerting.recount();
    });
  }

  async #load(store: OpenRecordStore): Promise<LoadedState> {
    try {
      return await store.load();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StartError(`the state directory (stateDir, STUCKD_STATE_DIR, --state-dir) cannot be used: ${reason}`, {
        cause: error,
      });
    }
  }

  async #release(): Promise<void> {
    for (const { name, message } of await this.#cleanup.releaseAll()) {
      this.#log.warn(`${name} did not end in good order: ${message}`);
    }
  }

  #connect(): SensorLink {
    return openSensor(this.#config, (line) => {
      this.#log.warn(`sensor: ${line}`);
    });
  }

  #sensorDown(end: SessionEnd, retryMs: number | null): void {
    this.#passes.sensorDown();
    this.#intake.finish();
    this.engine.sensorDown();
    this.#totals.sensorDown();
    this.#auditing.sensorDown();
    this.#losses.sensorDown();
    if (retryMs === null) {
      return;
    }
    const hopeless = end.failure !== null && end.failure.code !== 'internal' && end.failure.code !== 'protocol';
    if (hopeless && !this.#wasUp && this.#config.sensor.address === undefined) {
      this.#rejectFailed(new StartError(end.reason));
      return;
    }
    this.#log.error(`the sensor is gone: ${end.reason}; next try in ${retryMs} ms`);
  }
}

/**
 * Starts the daemon. It serves before the sensor is attached: `GetStatus` then says so.
 * @param clock other than the machine's for a recorded stream of another machine and time
 * @throws Error if the state directory or the address cannot be used; what was acquired is released before.
 */
export async function startApp(config: Config, log: Logger, clock: MachineClock = new SystemClock()): Promise<App> {
  const app = new RunningApp(config, log, clock);
  try {
    await app.start();
  } catch (error) {
    await app.stop();
    throw error;
  }
  return app;
}
