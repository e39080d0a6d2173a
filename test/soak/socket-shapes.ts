/** Shapes that applications make: how they send, read, wait and close. */
import { tcpCounter } from '../support/record-checks.js';
import { waitFor } from '../support/wait-for.js';
import { connectAll, expectAtLeast, expectNoError, infos, names, startPrograms } from './shape.js';
import { PORT, SERVER_ADDRESS, type Shape } from './shape.js';

const HOUR_MS = 3_600_000;
const TCP_CORK = 3;
const IPPROTO_TCP = 6;
/** What a TLS 1.3 server of OpenSSL sends after the handshake: two session tickets. */
const TICKETS_BYTES = 510;
const MEBIBYTE = 1024 * 1024;

const bulk: Shape = {
  name: 'bulk',
  async start(hosts) {
    const programs = await startPrograms(hosts, 'mode=sink');
    const ids = names(4);
    await connectAll(programs, ids);
    const narrow = ['tbf', 'rate', '20mbit', 'burst', '30000', 'limit', '300000'];
    await hosts.lab.run(hosts.client, ['tc', 'qdisc', 'add', 'dev', hosts.link.near.device, 'root', ...narrow]);
    for (const id of ids) {
      await programs.using.command(`stream ${id} ${HOUR_MS}`);
    }
    return {
      proof: async () => {
        expectNoError(programs.using);
        const least = Math.min(...(await infos(programs.using, ids)).map(({ bytesAcked }) => bytesAcked));
        return `every flow: ${expectAtLeast('bytes', least, MEBIBYTE)}`;
      },
    };
  },
};

const requests: Shape = {
  name: 'requests and answers',
  async start(hosts) {
    const programs = await startPrograms(hosts, 'mode=echo');
    const ids = names(10);
    await connectAll(programs, ids);
    return {
      tend: async () => {
        for (const id of ids) {
          await programs.using.command(`send ${id} 1200`);
        }
      },
      proof: async () => {
        expectNoError(programs.using);
        const least = Math.min(...(await infos(programs.using, ids)).map(({ received }) => received));
        return `every connection: ${expectAtLeast('bytes answered', least, 12_000)}`;
      },
    };
  },
};

const shortLived: Shape = {
  name: 'a connection for each request',
  async start(hosts) {
    const { using } = await startPrograms(hosts, 'mode=echo');
    let served = 0;
    return {
      tend: async () => {
        served += 1;
        const id = `s${served}`;
        await using.connect(id, SERVER_ADDRESS, PORT);
        await using.command(`send ${id} 300`);
        await using.waitEvent({ event: 'data', id });
        await using.command(`close ${id}`);
      },
      proof: () => {
        expectNoError(using);
        return Promise.resolve(expectAtLeast('connections', served, 10));
      },
    };
  },
};

const keepalive: Shape = {
  name: 'idle with keepalive',
  async start(hosts) {
    const programs = await startPrograms(hosts, 'mode=report');
    await connectAll(programs, names(20), 'keepalive=1 idle=1 intvl=1 cnt=3');
    return {
      proof: () => {
        expectNoError(programs.using);
        return Promise.resolve(expectAtLeast('keepalive probes', tcpCounter(programs.using, 'TCPKeepAlive'), 100));
      },
    };
  },
};

const corked: Shape = {
  name: 'corked',
  async start(hosts) {
    const programs = await startPrograms(hosts, 'mode=sink');
    const ids = names(5);
    await connectAll(programs, ids);
    for (const id of ids) {
      await programs.using.command(`setopt ${id} ${IPPROTO_TCP} ${TCP_CORK} 1`);
    }
    let held = 0;
    return {
      tend: async () => {
        for (const id of ids) {
          await programs.using.command(`send ${id} 100`);
          held += (await programs.using.info(id)).notSent > 0 ? 1 : 0;
        }
      },
      proof: async () => {
        expectNoError(programs.using);
        const least = Math.min(...(await infos(programs.using, ids)).map(({ bytesAcked }) => bytesAcked));
        return `${expectAtLeast('held back', held, 10)} times, every flow: ${expectAtLeast('bytes', least, 500)}`;
      },
    };
  },
};

const slowReader: Shape = {
  name: 'a slow reader',
  async start(hosts) {
    const programs = await startPrograms(hosts, 'mode=none rcvbuf=8192');
    await programs.serving.command('accept l slow rate=40000');
    const ids = names(3);
    await connectAll(programs, ids, 'sndbuf=20000');
    for (const [index, id] of ids.entries()) {
      await programs.serving.waitEvent({ event: 'accepted', id: `l.${index + 1}` });
      await programs.serving.command(`mode l.${index + 1} slow rate=40000`);
      await programs.using.command(`stream ${id} ${HOUR_MS}`);
    }
    return {
      proof: async () => {
        expectNoError(programs.using);
        const closed = tcpCounter(programs.serving, 'TCPToZeroWindowAdv');
        const least = Math.min(...(await infos(programs.using, ids)).map(({ bytesAcked }) => bytesAcked));
        return `${expectAtLeast('closed windows', closed, 5)}, ${expectAtLeast('bytes', least, 100_000)}`;
      },
    };
  },
};

const halfClosed: Shape = {
  name: 'half-closed by design',
  async start(hosts) {
    const programs = await startPrograms(hosts, 'mode=report');
    const ids = names(4);
    await connectAll(programs, ids);
    const accepted = ids.map((_, index) => `l.${index + 1}`);
    for (const [index, id] of ids.entries()) {
      await programs.using.command(`send ${id} 100`);
      await programs.using.command(`shutdown ${id} wr`);
      await programs.serving.waitEvent({ event: 'eof', id: accepted[index] ?? '' });
    }
    return {
      tend: async () => {
        for (const id of accepted) {
          await programs.serving.command(`send ${id} 500`);
        }
      },
      proof: async () => {
        expectNoError(programs.using);
        const flows = await infos(programs.using, ids);
        const FIN_WAIT2 = 5;
        expectAtLeast('half-closed', flows.filter(({ state }) => state === FIN_WAIT2).length, ids.length);
        return `every one: ${expectAtLeast('bytes', Math.min(...flows.map(({ received }) => received)), 5000)}`;
      },
    };
  },
};

const ticketsUnread: Shape = {
  name: 'session tickets left unread',
  async start(hosts) {
    const programs = await startPrograms(hosts, 'mode=report');
    const ids = names(6);
    await connectAll(programs, ids, 'mode=none');
    for (const index of ids.keys()) {
      await programs.serving.waitEvent({ event: 'accepted', id: `l.${index + 1}` });
      await programs.serving.command(`send l.${index + 1} ${TICKETS_BYTES}`);
    }
    await waitFor(
      async () => (await infos(programs.using, ids)).every(({ bytesReceived }) => bytesReceived === TICKETS_BYTES),
      { what: 'the tickets' },
    );
    return {
      proof: async () => {
        const read = (await infos(programs.using, ids)).map(({ received }) => received);
        if (read.some((bytes) => bytes > 0)) {
          throw new Error('they were read');
        }
        return `${ids.length} connections with ${TICKETS_BYTES} bytes each`;
      },
    };
  },
};

/** Those that the kernel tests try too, for as long as it takes to prove what flows. */
export const QUICK_SHAPES: readonly Shape[] = [corked, halfClosed, ticketsUnread];

export const SOCKET_SHAPES: readonly Shape[] = [
  bulk,
  requests,
  shortLived,
  keepalive,
  corked,
  slowReader,
  halfClosed,
  ticketsUnread,
];
