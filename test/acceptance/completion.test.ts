// Proves that bash, zsh and fish understand the completions that both programs print, and what a Tab does in each of them, typed
// in a terminal; and that man(1) and mandoc find nothing to warn of in the manual pages. That no option is forgotten is in
// unit/cli/manual.test.ts. Shells that are not installed are left out, and said so. Other versions than Debian's are not tried.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SHELLS } from '../../daemon/lib/manual/manual.js';
import { packageRoot } from '../support/package-root.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { TypingShell, whyNoTyping } from '../support/typing-shell.js';

const root = packageRoot();

function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(error, undefined);
  assert.deepEqual([status, stderr], [0, ''], `${program} ${args.join(' ')}`);
  return stdout;
}

function missing(program: string, packageName = program): string | false {
  const { error } = spawnSync(program, ['--version']);
  return error === undefined ? false : `${program} is not installed (Debian: ${packageName})`;
}

const directory = temporaryDirectory();

/** @returns the path of the script, as the program prints it. */
function script(program: 'stuckctl' | 'stuckd', shell: string): string {
  const path = join(directory, `${program}.${shell}`);
  writeFileSync(path, run(process.execPath, join(root, `build/bin/${program}.js`), 'completion', shell));
  return path;
}

/** What is typed, what a Tab makes of it, and what is listed where there is a choice. A space at the end: it is complete. */
const TABLE: readonly (readonly [typed: string, line: string, listed?: string])[] = [
  ['stuckctl li', 'stuckctl list '],
  ['stuckctl p', 'stuckctl p', 'peers processes'],
  ['stuckctl --v', 'stuckctl --version '],
  ['stuckctl he', 'stuckctl help '],
  ['stuckctl help wat', 'stuckctl help watch '],
  ['stuckctl list --u', 'stuckctl list --un', '--unit --until'],
  ['stuckctl list --kind cl', 'stuckctl list --kind clos', 'close_wait closing'],
  ['stuckctl list --kind=closi', 'stuckctl list --kind=closing '],
  ['stuckctl list --kind closing,fi', 'stuckctl list --kind closing,fin_wait '],
  ['stuckctl list --kind=closing,fi', 'stuckctl list --kind=closing,fin_wait '],
  ['stuckctl list --kind closing -o tab', 'stuckctl list --kind closing -o table '],
  ['stuckctl list --kind closing li', 'stuckctl list --kind closing li'],
  ['stuckctl alerts --sev', 'stuckctl alerts --severity '],
  ['stuckctl alerts --severity w', 'stuckctl alerts --severity warning '],
  ['stuckctl completion f', 'stuckctl completion fish '],
  ['stuckctl --output json sta', 'stuckctl --output json status '],
  ['stuckctl --output=json sta', 'stuckctl --output=json status '],
  ['stuckctl status --ki', 'stuckctl status --ki'],
  // Readline takes what is split at a colon for several words.
  ['stuckctl --address unix:/x li', 'stuckctl --address unix:/x list '],
  ['stuckctl --address=unix:/x li', 'stuckctl --address=unix:/x list '],
  ['stuckctl --address 10.0.0.1:9736 li', 'stuckctl --address 10.0.0.1:9736 list '],
  ['stuckctl --address a:1,@nodes.txt li', 'stuckctl --address a:1,@nodes.txt list '],
  ['stuckctl --address unix:/x list --kind=closi', 'stuckctl --address unix:/x list --kind=closing '],
  ['stuckctl --address un', 'stuckctl --address unix:'],
  ['stuckctl --address unix:s', 'stuckctl --address unix:s.sock '],
  ['stuckctl --address=unix:s', 'stuckctl --address=unix:s.sock '],
  ['stuckctl --address unix:fo', 'stuckctl --address unix:folder/'],
  ['stuckctl --address @nod', 'stuckctl --address @nodes.txt '],
  ['stuckctl --address @fo', 'stuckctl --address @folder/'],
  ['stuckctl --address a:1,unix:s.', 'stuckctl --address a:1,unix:s.sock '],
  ['stuckctl --address a:1,@n', 'stuckctl --address a:1,@nodes.txt '],
  ['stuckctl --address "unix:b', 'stuckctl --address "unix:b file.sock" '],
  ['stuckctl list --kind="closi', 'stuckctl list --kind=closing '],
  ['stuckctl --address unix:b', 'stuckctl --address unix:b\\ file.sock '],
  ['stuckctl --address unix:b\\ f', 'stuckctl --address unix:b\\ file.sock '],
  ['stuckctl --address @b', 'stuckctl --address @b\\ file.sock '],
  ['stuckctl list --tls-ca a', 'stuckctl list --tls-ca a\\ file.pem '],
  ['stuckctl get abc --what', 'stuckctl get abc --what-if '],
  ['stuckctl get abc --what-if tcp_r', 'stuckctl get abc --what-if tcp_retries2='],
  ['stuckctl get abc --what-if keepalive=1s,tcp_r', 'stuckctl get abc --what-if keepalive=1s,tcp_retries2='],
  ['stuckctl get abc -o j', 'stuckctl get abc -o json', 'json jsonl'],
  ['stuckctl get nod', 'stuckctl get nod'],
  ['stuckd config s', 'stuckd config schema '],
  ['stuckd config ', 'stuckd config ', 'check print schema'],
  ['stuckd config --red', 'stuckd config --redacted '],
  ['stuckd config check nod', 'stuckd config check nodes.txt '],
  ['stuckd config check schem', 'stuckd config check schem'],
  ['stuckd config check --red', 'stuckd config check --red'],
  ['stuckd config print --red', 'stuckd config print --redacted '],
  ['stuckd --log-level info conf', 'stuckd --log-level info config '],
  ['stuckd run --log-level w', 'stuckd run --log-level warn '],
  ['stuckd run --state-dir nod', 'stuckd run --state-dir nod'],
  ['stuckd run --state-dir f', 'stuckd run --state-dir folder/'],
  ['stuckd run --sensor-address unix:s.', 'stuckd run --sensor-address unix:s.sock '],
  ['stuckd run --hel', 'stuckd run --help '],
  ['stuckd demo --', 'stuckd demo --', '--cut --help'],
];

/** Some shells join an option and its value with `=`, and some leave quotes out that are not needed. */
function plain(line: string): string {
  return line.replace(/( --[\w-]+)=$/, '$1 ').replace(/="(\w+)" $/, '=$1 ');
}

const here = join(directory, 'here');
mkdirSync(join(here, 'folder'), { recursive: true });
for (const name of ['a file.pem', 'b file.sock', 's.sock', 'nodes.txt']) {
  writeFileSync(join(here, name), '');
}

for (const shell of SHELLS) {
  describe(shell, { skip: whyNoTyping(shell) }, () => {
    let typing: TypingShell;
    before(async () => {
      const scripts = (['stuckctl', 'stuckd'] as const).map((program) => script(program, shell));
      typing = new TypingShell(shell, here, scripts);
      await typing.start();
    });
    after(() => {
      typing.close();
    });

    for (const [typed, line, listed = ''] of TABLE) {
      test(`${typed}: ${line} ${listed}`, async () => {
        const completed = await typing.complete(typed);
        assert.equal(plain(completed.line), line);
        if (shell !== 'fish') {
          assert.deepEqual(completed.listed, listed.split(' ').filter(Boolean));
          return;
        }
        // Its list goes when one types on; asked without a terminal it gives the same.
        const sources = ['stuckctl', 'stuckd'].map((program) => `source ${join(directory, program)}.fish; `);
        const answer = run('fish', '--no-config', '-c', `${sources.join('')}complete -C '${typed}'`);
        const offered = answer.split('\n').filter(Boolean);
        if (listed !== '') {
          assert.equal(offered.map((one) => one.split('\t')[0] ?? '').join(' '), listed);
        }
      });
    }
  });
}

test('zsh: only what may come again is offered again', { skip: whyNoTyping('zsh') }, async () => {
  const typing = new TypingShell('zsh', here, [script('stuckctl', 'zsh')]);
  try {
    await typing.start();
    const again = await typing.complete('stuckctl list --kind closing --kin');
    assert.equal(plain(again.line), 'stuckctl list --kind closing --kind ');
    assert.equal((await typing.complete('stuckctl list -o json --outp')).line, 'stuckctl list -o json --outp');
    assert.equal((await typing.complete('stuckctl list --limit 3 --lim')).line, 'stuckctl list --limit 3 --lim');
  } finally {
    typing.close();
  }
});

test('bash: what stands behind the cursor does not count', { skip: whyNoTyping('bash') }, async () => {
  const typing = new TypingShell('bash', here, [script('stuckctl', 'bash')]);
  try {
    await typing.start();
    const lineOf = async (typed: string, behind: string): Promise<string> =>
      (await typing.complete(typed, behind)).line;
    assert.equal(await lineOf('stuckctl li', 'xx'), 'stuckctl listxx');
    assert.equal(await lineOf('stuckctl --ou', ' list'), 'stuckctl --output list');
    assert.equal(await lineOf('stuckctl --address unix:s', 'xx list'), 'stuckctl --address unix:s.sockxx list');
  } finally {
    typing.close();
  }
});

test('bash: where Readline does not split at colons', { skip: whyNoTyping('bash') }, async () => {
  const typing = new TypingShell('bash', here, [script('stuckctl', 'bash')], ["COMP_WORDBREAKS=$' \\t\\n\"\\'><;|&('"]);
  try {
    await typing.start();
    for (const [typed, line] of TABLE.filter(([, text]) => /^stuckctl .*[=:@]/.test(text))) {
      assert.equal(plain((await typing.complete(typed)).line), line);
    }
  } finally {
    typing.close();
  }
});

describe('manual pages', () => {
  const PAGES = ['stuckctl.1', 'stuckd.8', 'stuckd.yaml.5'].map((name) => join(root, 'build/man', name));

  test('man(1) has nothing to warn of', { skip: missing('man', 'man-db') }, () => {
    for (const page of PAGES) {
      const { status, stdout, stderr } = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', page], {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80' },
      });
      assert.deepEqual([status, stderr], [0, ''], page);
      // Bold is a letter struck twice.
      assert.ok(stdout.includes('N\bNA\bAM\bME\bE'));
    }
  });

  test(
    'mandoc finds no mistake',
    { skip: spawnSync('mandoc').error && 'mandoc is not installed (Debian: mandoc)' },
    () => {
      for (const page of PAGES) {
        const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', page], { encoding: 'utf8', input: '' });
        // The pages have no date, so that the same source makes the same page.
        const found = stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'));
        assert.deepEqual(found, []);
      }
    },
  );
});
