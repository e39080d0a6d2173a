// Proves `stuckctl top` where it is for: a real daemon, a real black hole in network namespaces, and a real terminal (tmux)
// of 80x24 and of 200x50. The row of the process and the peer, the way down to one connection, its diagnosis and its ladder,
// another size of the terminal meanwhile, the terminal given back after SIGTERM and SIGHUP, and an empty screen when the
// network is back. What stands on each screen, letter by letter, is in unit/cli/top.
// It cannot prove how other terminals draw it, nor how it feels over a slow line.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, type TwoHosts, waitFor } from '../support/lab.js';
import { packageRoot } from '../support/package-root.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { ShellTerminal } from '../support/shell-terminal.js';
import { Sockprog } from '../support/sockprog.js';
import { whyNoTmux } from '../support/tmux.js';

const STUCKCTL = join(packageRoot(), 'build/bin/stuckctl.js');
const PORT = 8000;

/** The kernel must not give up before the test has done its part. */
const PATIENT_RETRIES2 = 9;

interface Size {
  readonly columns: number;
  readonly lines: number;
}

const SMALL: Size = { columns: 80, lines: 24 };
const LARGE: Size = { columns: 200, lines: 50 };

interface Stage {
  readonly hosts: TwoHosts;
  readonly client: Sockprog;
  /** Of its two connections, which have exchanged some bytes. */
  readonly localPorts: readonly number[];
}

async function setStage(t: TestContext): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', PATIENT_RETRIES2);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l :: ${String(PORT)} mode=report`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  const localPorts: number[] = [];
  for (const id of ['a', 'b']) {
    const { localPort } = await client.connect(id, SERVER_ADDRESS, PORT);
    localPorts.push(localPort ?? 0);
    await client.command(`send ${id} 7`);
    await waitFor(async () => (await client.info(id)).unacked === 0, { what: 'the ACK of the first bytes' });
  }
  return { hosts, client, localPorts };
}

/** Goes on pressing a key until the screen shows it. */
async function pressUntil(terminal: ShellTerminal, key: string, wanted: RegExp): Promise<void> {
  const isShown = (): boolean => {
    const seen = wanted.test(terminal.screen().join('\n'));
    if (!seen) {
      terminal.press(key);
    }
    return seen;
  };
  await waitFor(isShown, { what: `${String(wanted)} on the screen` });
}

async function assertFills(terminal: ShellTerminal, { lines }: Size): Promise<void> {
  await waitFor(() => terminal.screen().length === lines && (terminal.screen()[lines - 1] ?? '').includes('? help'), {
    what: `the keys in line ${String(lines)}`,
  });
}

describe('stuckctl top of a black hole', { skip: labSkipReason() || whyNoTmux(), concurrency: atOnce(2) }, () => {
  const stuckd = sharedStuckd();

  for (const [size, otherSize, signal] of [
    [SMALL, LARGE, 'SIGTERM'],
    [LARGE, SMALL, 'SIGHUP'],
  ] as const) {
    const name = `${String(size.columns)}x${String(size.lines)}`;
    test(`${name}: down to the ladder of a connection, another size, ${signal}, and the network is back`, async (t) => {
      const { hosts, client, localPorts } = await setStage(t);
      const terminal = await ShellTerminal.open(size.columns, size.lines, { STUCKD_ADDRESS: stuckd().address });
      t.after(() => {
        terminal.close();
      });
      const top = [process.execPath, STUCKCTL, 'top', '--netns', String(hosts.client.inode)];
      terminal.start(...top);
      await terminal.until(/^0 stuck connections;.*\n\n {2}No stuck connections\.$/m);
      terminal.assertTaken();

      await hosts.link.cut();
      await client.command('send a 1000');
      await client.command('send b 1000');
      const who = `sockprog\\[${String(client.pid)}\\]`;
      const peer = `${SERVER_ADDRESS.replaceAll('.', '\\.')}:${String(PORT)}`;
      await terminal.until(new RegExp(`^> ${who} +${peer} +2(?: of 2)? +retrans.* 2\\.0 KiB$`, 'm'));
      await assertFills(terminal, size);

      terminal.press('Enter');
      const list = await terminal.until(new RegExp(`^${who} -> ${peer}\\n.*\\n> .* ${peer} +retrans.*\\n  `, 'm'));
      const shownPorts = list.flatMap((text) => /^[> ] \d+\.\d+\.\d+\.\d+:(\d+) /.exec(text)?.[1] ?? []).map(Number);
      assert.deepEqual(shownPorts.toSorted(), localPorts.toSorted());

      terminal.press('Enter');
      const page = await terminal.until(new RegExp(`^connection \\S+\\n${who} has had no answer from ${peer}`, 'm'));
      const id = /^connection (\S+)$/m.exec(page.join('\n'))?.[1] ?? '';
      const record = await stuckd().get(id);
      assert.equal(record.local.port, shownPorts[0], 'the one that was chosen');
      assert.ok(
        page.join(' ').startsWith(record.diagnosis?.summary.slice(0, 60) ?? '-', page.join(' ').indexOf('sockprog')),
      );
      await pressUntil(terminal, 'j', /^What to do:$/m);
      await pressUntil(terminal, 'j', /^Retransmissions \(bar: .*\n.* (?:first )?retransmission/m);
      await pressUntil(terminal, 'j', /^ +now {2}-+\n.*retransmission/m);

      terminal.resize(otherSize.columns, otherSize.lines);
      await assertFills(terminal, otherSize);
      await terminal.until(new RegExp(`^connection ${id}$`, 'm'));

      process.kill(terminal.programPid(), signal);
      await terminal.untilEnded(0);

      terminal.type('clear');
      terminal.start(...top);
      await terminal.until(new RegExp(`^> ${who} `, 'm'));
      await hosts.link.heal();
      await terminal.until(/^ {2}No stuck connections\.$/m);
      terminal.press('q');
      await terminal.until(/^ended with 0$/m);
      terminal.assertGivenBack();
    });
  }
});
