// Proves that bash, zsh and fish understand the completions that both programs print, and complete with them; and that man(1)
// and mandoc find nothing to warn of in the manual pages. What is in them is in unit/cli/manual.test.ts. Shells that are not
// installed are left out, and said so.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { packageRoot } from '../support/package-root.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { Tmux, whyNoTmux } from '../support/tmux.js';

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

/** Words that begin as the last of `words`; their order is the shell's. */
const TABLE: readonly (readonly [program: 'stuckctl' | 'stuckd', words: string, expected: string])[] = [
  ['stuckctl', 'li', 'list'],
  ['stuckctl', 'p', 'peers processes'],
  ['stuckctl', '--v', '--version'],
  ['stuckctl', 'list --u', '--unit --until'],
  ['stuckctl', 'list --kind cl', 'close_wait closing'],
  ['stuckctl', 'list --kind closing -o j', 'json jsonl'],
  ['stuckctl', 'alerts --sev', '--severity'],
  ['stuckctl', 'alerts --severity w', 'warning'],
  ['stuckctl', 'completion f', 'fish'],
  ['stuckctl', '--output json sta', 'status'],
  ['stuckctl', 'status --ki', ''],
  ['stuckd', 'config s', 'schema'],
  ['stuckd', 'config --red', '--redacted'],
  ['stuckd', 'run --log-level w', 'warn'],
  ['stuckd', 'demo --', '--cut'],
];

describe('bash', { skip: missing('bash') }, () => {
  /** Calls the function that bash would call, with the words that it would make. */
  function complete(program: 'stuckctl' | 'stuckd', words: readonly string[]): string {
    const text = `source '${script(program, 'bash')}'
      COMP_WORDS=(${[program, ...words].map((word) => `'${word}'`).join(' ')})
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      $(complete -p ${program} | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run('bash', '--norc', '-c', text).trim().split('\n').sort().join(' ');
  }

  for (const [program, words, expected] of TABLE) {
    test(`${program} ${words}: ${expected}`, () => {
      assert.equal(complete(program, words.split(' ')), expected);
    });
  }

  test('a value after =', () => {
    assert.equal(complete('stuckctl', ['list', '--kind', '=', 'fin']), 'fin_wait');
    assert.ok(complete('stuckctl', ['list', '--kind', '=']).includes('fin_wait'));
    assert.equal(complete('stuckctl', ['--output', '=', 'json', 'sta']), 'status');
  });

  test('files, also with spaces', () => {
    const path = join(directory, 'a file.pem');
    writeFileSync(path, '');
    assert.equal(complete('stuckctl', ['list', '--tls-ca', join(directory, 'a f')]), path);
  });

  test('as it is typed', { skip: whyNoTmux() }, async () => {
    const tmux = new Tmux(80, 24, {});
    try {
      await tmux.until(/^prompt\$/m);
      tmux.type(`source '${script('stuckctl', 'bash')}'`);
      tmux.press('-l', 'stuckctl list --kind=clos');
      tmux.press('Tab');
      await tmux.until(/^prompt\$ stuckctl list --kind=clos/m);
      tmux.press('-l', 'i');
      tmux.press('Tab');
      await tmux.until(/^prompt\$ stuckctl list --kind=closing/m);
    } finally {
      tmux.close();
    }
  });
});

describe('fish', { skip: missing('fish') }, () => {
  for (const [program, words, expected] of TABLE) {
    test(`${program} ${words}: ${expected}`, () => {
      const answer = run(
        'fish',
        '--no-config',
        '-c',
        `source ${script(program, 'fish')}; complete -C '${program} ${words}'`,
      );
      const offered = answer.split('\n').filter((line) => line !== '');
      assert.equal(
        offered
          .map((line) => line.split('\t')[0] ?? '')
          .sort()
          .join(' '),
        expected,
      );
    });
  }
});

describe('zsh', { skip: missing('zsh') || whyNoTmux() }, () => {
  test('both scripts are sound', () => {
    for (const program of ['stuckctl', 'stuckd'] as const) {
      assert.equal(run('zsh', '-f', '-n', script(program, 'zsh')), '');
    }
  });

  // Where several words are possible zsh lists them; here it is enough that a single one is completed.
  const typed = TABLE.filter(([, , expected]) => /^[\w-]+$/.test(expected));
  for (const [program, words, expected] of typed) {
    test(`${program} ${words}: ${expected}`, async () => {
      const tmux = new Tmux(100, 24, {});
      try {
        await tmux.until(/^prompt\$/m);
        tmux.type(`PS1='zsh-is-here ' zsh -f`);
        await tmux.until(/^zsh-is-here/m);
        tmux.type(
          `autoload -U compinit && compinit -D -u && source '${script(program, 'zsh')}' && clear && echo ready`,
        );
        await tmux.until(/^ready/m);
        tmux.press('-l', `${program} ${words}`);
        tmux.press('Tab');
        const whole = words.split(' ').slice(0, -1).concat(expected).join(' ');
        await tmux.until(new RegExp(`^zsh-is-here ${program} ${whole}`, 'm'));
      } finally {
        tmux.close();
      }
    });
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
