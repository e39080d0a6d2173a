/**
 * Records a real incident: a real sensor on the real kernel, with a real daemon in front of it, while connections of a
 * lab go wrong in known ways. Needs root. One command makes the recording anew, some 15 seconds long:
 *
 *   npm run build && sudo node build/test/acceptance/replay-record.js
 *
 * Only what belongs to the lab is recorded, and nothing that tells one machine from another (boot id, kernel build).
 * What happens, in order: see `play`. The replay test tells the same story from the daemon's side.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type App, startApp } from '../../daemon/app.js';
import { loadConfig } from '../../daemon/config.js';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { createTerminalLogger } from '../../daemon/lib/logger.js';
import { monotonicUs } from '../../daemon/lib/system-clock.js';
import { type SensorLink, spawnSensor } from '../../daemon/sensor/sensor-link.js';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import { FrameDecoder } from '../../daemon/wire/frame-decoder.js';
import type { Frame } from '../../daemon/wire/frame.js';
import { HELLO_RECORD, RECORD_HEADER, SENSOR_LAYOUT_HASH } from '../../daemon/wire/layout.generated.js';
import { decodeRecord } from '../../daemon/wire/record-decoder.js';
import { buildSockprog, Sockprog } from '../support/sockprog.js';
import { waitFor } from '../support/wait-for.js';
import { formatLine, RECORD_COMMAND, RECORDING_PATH, type RecordingLine } from './replay-recording.js';

const ALIVE = '10.77.0.2';
const DEAD = '10.78.0.2';
const PORT = 8000;
/** Six RTOs, some 12.6 s: long enough for a sensor to die meanwhile, short enough to be waited for. */
const TCP_RETRIES2 = 5;
const TCP_ORPHAN_RETRIES = 5;

const HEADER = `# A real incident, as the sensor told it. Made by test/acceptance/replay-record.ts; make it anew, as root, with
#   ${RECORD_COMMAND}
# The format is described in test/acceptance/replay-recording.ts.
`;

/** Sits between daemon and sensor: starts a sensor for each connection, and notes what of it concerns the lab. */
class RecordingProxy {
  readonly lines: RecordingLine[] = [];
  readonly namespaces = new Set<number>();
  readonly pids = new Set<number>();
  readonly #server: Server;
  #sensor: SensorLink | null = null;

  constructor(path: string) {
    this.#server = createServer((daemon) => {
      const sensor = spawnSensor(builtSensorPath(), [], (line) => {
        process.stderr.write(`sensor: ${line}\n`);
      });
      const decoder = new FrameDecoder();
      this.#sensor = sensor;
      this.lines.push({ type: 'session' });
      daemon.on('data', (chunk) => sensor.stream.write(chunk));
      daemon.on('error', () => undefined);
      daemon.on('close', () => {
        sensor.close(1000);
      });
      sensor.stream.on('data', (chunk: Uint8Array) => {
        const timeUs = monotonicUs();
        for (const frame of decoder.push(chunk).frames) {
          const bytes = this.#filter(frame);
          if (bytes !== null) {
            this.lines.push({ type: 'record', timeUs, bytes });
            daemon.write(bytes);
          }
        }
      });
      void sensor.ended.then(() => {
        daemon.end();
      });
    }).listen(path);
  }

  mark(name: string): void {
    this.lines.push({ type: 'mark', name });
    process.stdout.write(`${name}\n`);
  }

  killSensor(): void {
    this.#sensor?.close(0);
  }

  close(): void {
    this.#server.close();
    this.killSensor();
  }

  /** @returns the bytes of a record, or null if it is about somebody else */
  #filter(frame: Frame): Uint8Array | null {
    const record = decodeRecord(frame);
    const size = frame.view.getUint32(frame.position + RECORD_HEADER.size, true);
    const bytes = new Uint8Array(frame.view.buffer, frame.view.byteOffset + frame.position, size).slice();
    switch (record.type) {
      case 'socket':
        return this.namespaces.has(record.socket.netns) ? bytes : null;
      case 'holder':
        return this.namespaces.has(record.holder.netns) ? bytes : null;
      case 'process':
        return this.pids.has(record.process.pid) ? bytes : null;
      case 'holding':
        return this.pids.has(record.holding.pid) ? bytes : null;
      case 'hello': {
        const release = /^[\d.]+/.exec(record.hello.kernelRelease)?.[0] ?? '';
        bytes.fill(0, HELLO_RECORD.kernelRelease.offset, HELLO_RECORD.machine.offset);
        bytes.set(Buffer.from(release), HELLO_RECORD.kernelRelease.offset);
        bytes.set(Buffer.from(record.hello.bootId.replace(/[\da-f]/g, '0')), HELLO_RECORD.bootId.offset);
        return bytes;
      }
      case 'clock':
      case 'counters':
      case 'failure':
      case 'feature':
      case 'interest':
      case 'mode':
      case 'pass':
      case 'program':
      case 'ready':
        return bytes;
      case 'polled': // this one uses BPF
      case 'reach':
        return null;
    }
  }
}

class Stage {
  readonly #lab: NetnsLab;
  readonly #directory: string;
  readonly #proxy: RecordingProxy;

  constructor(lab: NetnsLab, directory: string, proxy: RecordingProxy) {
    this.#lab = lab;
    this.#directory = directory;
    this.#proxy = proxy;
  }

  async namespace(label: string): Promise<LabNamespace> {
    const namespace = await this.#lab.addNamespace(label);
    this.#proxy.namespaces.add(namespace.inode);
    return namespace;
  }

  /** Starts sockprog under another name: the sensor tells the path of an executable, and so does the recording. */
  async program(name: string, namespace: LabNamespace): Promise<Sockprog> {
    const path = join(this.#directory, name);
    if (!existsSync(path)) {
      copyFileSync(await buildSockprog(), path);
    }
    const sockprog = new Sockprog(this.#lab.spawnIn(namespace, [path]));
    this.#proxy.pids.add(sockprog.pid);
    await sockprog.waitEvent({ event: 'ready' });
    return sockprog;
  }
}

/** Waits until records of exactly these kinds are open, with their owners known, and that many have ended. */
async function untilRecords(app: App, what: string, open: readonly string[], ended: number): Promise<void> {
  const wanted = `${[...open].sort().join()}; ${ended} ended`;
  let found = '';
  try {
    await waitFor(
      () => {
        const records = app.engine.open().filter(({ ownerType }) => ownerType !== 'pending');
        const kinds = records.map(({ kind }) => kind).sort();
        found = `${kinds.join()}; ${app.engine.recentlyEnded().length} ended`;
        return found === wanted;
      },
      { what, timeoutMs: 40_000, intervalMs: 5 },
    );
  } catch (error) {
    throw new Error(`the scenario went another way, try again: wanted ${wanted}, but found ${found}`, { cause: error });
  }
}

async function untilSweep(app: App): Promise<void> {
  const nowUs = monotonicUs();
  await waitFor(() => (app.engine.lastSweep?.monoUs ?? 0) - (app.engine.lastSweep?.durationUs ?? 0) > nowUs, {
    what: 'the next sweep',
    timeoutMs: 20_000,
    intervalMs: 5,
  });
}

/** The incident. */
async function play(lab: NetnsLab, directory: string, proxy: RecordingProxy, app: App): Promise<void> {
  const stage = new Stage(lab, directory, proxy);
  const client = await stage.namespace('client');
  const alive = await stage.namespace('alive');
  const dead = await stage.namespace('dead');
  const toAlive = await lab.link(
    { namespace: client, addresses: ['10.77.0.1/24'] },
    { namespace: alive, addresses: [`${ALIVE}/24`] },
  );
  const toDead = await lab.link(
    { namespace: client, addresses: ['10.78.0.1/24'] },
    { namespace: dead, addresses: [`${DEAD}/24`] },
  );
  await lab.sysctl(client, 'net.ipv4.tcp_retries2', TCP_RETRIES2);
  await lab.sysctl(client, 'net.ipv4.tcp_orphan_retries', TCP_ORPHAN_RETRIES);
  for (const [namespace, address] of [
    [alive, ALIVE],
    [dead, DEAD],
  ] as const) {
    const server = await stage.program('server', namespace);
    await server.command(`listen l ${address} ${PORT} mode=sink`);
  }

  const orders = await stage.program('orders', client);
  const billing = await stage.program('billing', client);
  const gateway = await stage.program('gateway', client);
  const reports = await stage.program('reports', client);
  const search = await stage.program('search', client);
  await orders.connect('c', DEAD, PORT);
  await billing.connect('c', ALIVE, PORT);
  await gateway.connect('c', DEAD, PORT);
  await reports.connect('c', DEAD, PORT, 'keepalive=1 idle=1 intvl=1 cnt=4');
  await untilSweep(app);
  proxy.mark('quiet');

  await toAlive.cut();
  await toDead.cut();
  proxy.mark('cut');
  await Promise.all([orders, billing, gateway].map((program) => program.command('send c 1000')));
  await search.command(`connect c ${DEAD} ${PORT} syncnt=2`);
  const retransmitting = ['retransmitting', 'retransmitting', 'retransmitting'];
  await untilRecords(app, 'three black holes', retransmitting, 0);
  proxy.mark('black-holes');

  await gateway.command('exit 0');
  await waitFor(() => app.engine.open().some(({ ownerType }) => ownerType === 'orphan'), { what: 'an orphan' });
  proxy.mark('orphan');

  await toAlive.heal();
  const stuck = ['closing', 'connecting', 'keepalive_unanswered', 'retransmitting'];
  await untilRecords(app, 'a recovery, an unanswered connect and unanswered keepalive probes', stuck, 1);
  proxy.mark('recovered');

  proxy.killSensor();
  await waitFor(() => app.status().sensor.state === 'running' && app.status().sensor.restarts === 1, {
    what: 'a new sensor',
    timeoutMs: 20_000,
    intervalMs: 5,
  });
  await untilRecords(app, 'the end of everything', [], 5);
  await untilSweep(app);
  proxy.mark('end');
}

async function record(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-record-'));
  const sensorPath = join(directory, 'sensor.sock');
  const configPath = join(directory, 'stuckd.yaml');
  // As many sweeps on every machine, however much CPU it takes for them.
  writeFileSync(configPath, 'sensor: { sweepCpuPercentMax: 100 }\n');
  const proxy = new RecordingProxy(sensorPath);
  const lab = new NetnsLab();
  const log = createTerminalLogger('warn', (line) => process.stderr.write(`${line}\n`));
  const flags = {
    configPath,
    grpcAddress: `unix:${directory}/stuckd.sock`,
    httpAddress: 'off',
    stateDir: join(directory, 'state'),
    sensorAddress: `unix:${sensorPath}`,
  };
  let app: App | null = null;
  try {
    app = await startApp(loadConfig(flags, {}), log);
    await app.firstPicture;
    await play(lab, directory, proxy, app);
  } finally {
    await app?.stop();
    proxy.close();
    await lab.close();
    rmSync(directory, { recursive: true, force: true });
  }
  const layout = `layout 0x${SENSOR_LAYOUT_HASH.toString(16)}\n`;
  const end = proxy.lines.findLastIndex(({ type }) => type === 'mark') + 1;
  const text = proxy.lines.slice(0, end).map(formatLine).join('\n');
  mkdirSync(dirname(RECORDING_PATH), { recursive: true });
  writeFileSync(RECORDING_PATH, `${HEADER}${layout}${text}\n`);
  process.stdout.write(`${RECORDING_PATH}: ${Math.round(text.length / 1024)} KiB\n`);
}

await record();
