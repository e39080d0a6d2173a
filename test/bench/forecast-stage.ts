/** Two hosts of `forecast`: opens the connections of a plan, lets the fault happen, and lets each connection meet it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LabLink } from '../../daemon/demo/lab/lab-link.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import type { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { Sockprog, type SockprogEvent } from '../support/sockprog.js';
import { waitFor } from '../support/wait-for.js';
import type { Act, Cohort, StagePlan } from './forecast-plan.js';

const PORT = 8000;
/** Of a listener that never reads, behind a small buffer. */
const SILENT_PORT = 8001;
const CLIENT_ADDRESS = '10.77.0.1';
const SERVER_ADDRESS = '10.77.0.2';
/** Peers to which a route of their own leads get addresses from here on. */
const FIRST_ROUTED = 11;

/** The connections of a stage meet the fault one after the other within this time, at every phase of the kernel's tick. */
const SPREAD_MS = 4000;
/** Between two connections whose probes run from the beginning on: these have their phases from there. */
const OPENING_PAUSE_MS = 37;
/** The golden ratio's fraction of it, again and again: as even as a grid, and no multiple of any tick. */
const STEP = 0.6180339887498949;

const DEFAULT_BYTES = 100;
const BYTES_FOR_A_CLOSED_WINDOW = 200_000;

const REFUSAL = 'table inet refusal {\nchain output {\ntype filter hook output priority 0;\ntcp sport > 0 drop\n}\n}\n';

/** One connection, as the records and the application know it. */
export interface Subject {
  readonly cohort: Cohort;
  readonly disturbed: boolean;
  /** Of the end that is going to be stuck. */
  readonly namespace: LabNamespace;
  readonly localPort: number;
  readonly remotePort: number;
  /** What the application met; undefined as long as it met nothing, or if it holds the socket no more. */
  readonly error: () => SockprogEvent | undefined;
}

/** A connection that stands and waits for its turn. */
interface Waiting {
  readonly subject: Subject;
  readonly meet: () => Promise<void>;
}

const CLOSING_ACTS: ReadonlySet<Act> = new Set<Act>(['close', 'send_and_close', 'close_second', 'window_and_close']);

export class ForecastStage {
  readonly subjects: Subject[] = [];
  readonly #plan: StagePlan;
  readonly #lab: NetnsLab;
  readonly #link: LabLink;
  readonly #client: Sockprog;
  readonly #server: Sockprog;
  /** Addresses of the server by the route that leads there. */
  readonly #addresses = new Map<string, string>();
  /** By listener: accepted connections are named in order. */
  readonly #accepted = new Map<string, number>();
  #opened = 0;

  private constructor(plan: StagePlan, lab: NetnsLab, link: LabLink, client: Sockprog, server: Sockprog) {
    this.#plan = plan;
    this.#lab = lab;
    this.#link = link;
    this.#client = client;
    this.#server = server;
  }

  static async start(lab: NetnsLab, plan: StagePlan): Promise<ForecastStage> {
    const client = await lab.addNamespace('client');
    const server = await lab.addNamespace('server');
    const routes = [...new Set(plan.cohorts.flatMap(({ route }) => (route === undefined ? [] : [route])))];
    const routed = routes.map((route, index) => ({ route, address: `10.77.0.${FIRST_ROUTED + index}` }));
    const link = await lab.link(
      { namespace: client, addresses: [`${CLIENT_ADDRESS}/24`] },
      { namespace: server, addresses: [SERVER_ADDRESS, ...routed.map(({ address }) => address)].map((a) => `${a}/24`) },
    );
    for (const [name, value] of Object.entries(plan.sysctls)) {
      await lab.sysctl(client, `net.ipv4.${name}`, value);
      await lab.sysctl(server, `net.ipv4.${name}`, value);
    }
    const serving = await Sockprog.start(lab, server);
    await serving.command(`listen l 0.0.0.0 ${PORT} mode=report`);
    await serving.command(`listen s 0.0.0.0 ${SILENT_PORT} mode=silent rcvbuf=4096`);
    const stage = new ForecastStage(plan, lab, link, await Sockprog.start(lab, client), serving);
    for (const { route, address } of routed) {
      await stage.#addRoute(route, address);
    }
    return stage;
  }

  /**
   * Opens the connections, lets the fault happen, and each connection meet it.
   * @param unsupported is told which cohorts this kernel cannot have.
   */
  async run(unsupported: (cohort: Cohort) => void): Promise<void> {
    const waiting: Waiting[] = [];
    for (const cohort of this.#plan.cohorts) {
      if (cohort.act !== 'connect') {
        waiting.push(...(await this.#openAll(cohort, unsupported)));
      }
    }
    await this.#break();
    const turns = [...waiting.map(({ meet }) => meet), ...this.#connects()];
    // Setting a stage takes its time too: what is measured begins here.
    await Promise.all(
      turns.map(async (meet, index) => {
        await delay(SPREAD_MS * ((index * STEP) % 1));
        await meet();
      }),
    );
  }

  async #addRoute(route: string, address: string): Promise<void> {
    const { namespace, device } = this.#link.near;
    if (route !== 'usec') {
      await this.#lab.run(namespace, ['ip', 'route', 'add', `${address}/32`, 'dev', device, ...route.split(' ')]);
    } else if (!(await this.#client.attempt(`usec_route ${address} ${device}`)).ok) {
      return;
    }
    this.#addresses.set(route, address);
  }

  async #openAll(cohort: Cohort, unsupported: (cohort: Cohort) => void): Promise<readonly Waiting[]> {
    const waiting: Waiting[] = [];
    const address = cohort.route === undefined ? SERVER_ADDRESS : this.#addresses.get(cohort.route);
    for (let count = 0; count < cohort.connections; count += 1) {
      const one = address === undefined ? null : await this.#open(cohort, address);
      if (one === null) {
        unsupported(cohort);
        return waiting;
      }
      this.subjects.push(one.subject);
      waiting.push(one);
      if (cohort.act === 'idle' || cohort.act.startsWith('window')) {
        await delay(OPENING_PAUSE_MS);
      }
    }
    return waiting;
  }

  /** @returns null if the kernel does not know an option. */
  async #open(cohort: Cohort, address: string): Promise<Waiting | null> {
    const { act, options = '', setopt } = cohort;
    const id = this.#nextId();
    const [listener, port] = act.startsWith('window') ? ['s', SILENT_PORT] : ['l', PORT];
    const { localPort = 0 } = await this.#client.connect(id, address, port, options);
    const number = (this.#accepted.get(listener) ?? 0) + 1;
    this.#accepted.set(listener, number);
    const acceptedId = `${listener}.${number}`;
    await this.#server.waitEvent({ event: 'accepted', id: acceptedId });
    if (setopt !== undefined && !(await this.#client.attempt(`setopt ${id} ${setopt.join(' ')}`)).ok) {
      return null;
    }
    await this.#prepare(act, id, acceptedId);
    const inbound = act === 'accepted_sends';
    const [program, socket] = inbound ? [this.#server, acceptedId] : [this.#client, id];
    const subject: Subject = {
      cohort,
      disturbed: this.#plan.disturbed ?? false,
      namespace: (inbound ? this.#link.far : this.#link.near).namespace,
      localPort: inbound ? port : localPort,
      remotePort: inbound ? localPort : port,
      error: errorOf(program, socket),
    };
    return { subject, meet: () => this.#meet(cohort, program, socket) };
  }

  async #prepare(act: Act, id: string, acceptedId: string): Promise<void> {
    if (act.startsWith('window')) {
      await this.#client.command(`send ${id} ${BYTES_FOR_A_CLOSED_WINDOW}`);
      const isClosed = async (): Promise<boolean> => {
        const { unacked, notSent } = await this.#client.info(id);
        return unacked === 0 && notSent > 0;
      };
      await waitFor(isClosed, { what: 'a closed window' });
    } else if (act === 'close_second') {
      await this.#server.command(`close ${acceptedId}`);
      await this.#client.waitEvent({ event: 'eof', id });
    }
  }

  async #meet({ act, bytes = DEFAULT_BYTES }: Cohort, program: Sockprog, socket: string): Promise<void> {
    if (act === 'send' || act === 'accepted_sends' || act === 'send_and_close') {
      await program.command(`send ${socket} ${bytes}`);
    }
    if (CLOSING_ACTS.has(act)) {
      await program.command(`close ${socket}`);
    }
  }

  #connects(): readonly (() => Promise<void>)[] {
    const cohorts = this.#plan.cohorts.filter(({ act }) => act === 'connect');
    return cohorts.flatMap((cohort) =>
      Array.from({ length: cohort.connections }, () => async () => {
        const id = this.#nextId();
        const command = `connect ${id} ${SERVER_ADDRESS} ${PORT} ${cohort.options ?? ''}`;
        const { localPort = 0 } = await this.#client.command(command);
        const { namespace } = this.#link.near;
        const error = errorOf(this.#client, id);
        this.subjects.push({ cohort, disturbed: false, namespace, localPort, remotePort: PORT, error });
      }),
    );
  }

  async #break(): Promise<void> {
    const { near, far } = this.#link;
    switch (this.#plan.fault) {
      case 'cut':
        await this.#link.cut();
        return;
      case 'gone':
        await this.#lab.run(far.namespace, ['ip', 'address', 'flush', 'dev', far.device]);
        await this.#lab.run(near.namespace, ['ip', 'neigh', 'flush', 'all']);
        return;
      case 'refused':
        await this.#lab.run(near.namespace, ['nft', '-f', '-'], { input: REFUSAL });
    }
  }

  #nextId(): string {
    this.#opened += 1;
    return `c${this.#opened}`;
  }
}

function errorOf(program: Sockprog, id: string): () => SockprogEvent | undefined {
  return () => program.events.find((event) => event.event === 'error' && event.id === id);
}
