// Proves how severe a line is told to the journal, in both formats, and that the journal is recognised by its stream alone. The
// loggers write to the standard output of processes of their own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isJournal, linePrefix } from '../../../daemon/lib/journal.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-journal-'));
const fd = openSync(join(directory, 'stream'), 'w');
after(() => {
  closeSync(fd);
  rmSync(directory, { recursive: true, force: true });
});

const { dev, ino } = fstatSync(fd, { bigint: true });

describe('a descriptor is the journal', () => {
  const cases: readonly (readonly [string, NodeJS.ProcessEnv, boolean])[] = [
    ['of this device and inode', { JOURNAL_STREAM: `${dev}:${ino}` }, true],
    ['not when it was sent elsewhere: another inode', { JOURNAL_STREAM: `${dev}:${ino + 1n}` }, false],
    ['not when it was sent elsewhere: another device', { JOURNAL_STREAM: `${dev + 1n}:${ino}` }, false],
    ['not without systemd', {}, false],
    ['not for a variable that is none of systemd', { JOURNAL_STREAM: 'yes' }, false],
  ];
  for (const [name, environment, expected] of cases) {
    test(name, () => {
      assert.equal(isJournal(fd, environment), expected);
      assert.equal(linePrefix(fd, 'error', environment), expected ? '<3>' : '');
    });
  }

  test('not when it is closed', () => {
    assert.equal(isJournal(999, { JOURNAL_STREAM: `${dev}:${ino}` }), false);
  });
});

/** What a process prints that logs a line of each level. */
function printed(create: string): readonly string[] {
  const module = new URL('../../../daemon/lib/logger.js', import.meta.url).href;
  const script = `
    import { createJournalLogger, createJsonLogger } from ${JSON.stringify(module)};
    const log = ${create};
    log.debug('d');
    log.info('i', { comm: 'a\\nb' });
    log.warn('w');
    log.error('e\\n<7>f');
    process.kill(process.pid, 'SIGKILL');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return stdout.trimEnd().split('\n');
}

test('a person who reads the journal gets plain lines, each of which has its priority', () => {
  assert.deepEqual(printed("createJournalLogger('debug')"), ['<7>d', '<6>i  (comm=a\\nb)', '<4>w', '<3>e\\n<7>f']);
  assert.deepEqual(printed("createJournalLogger('error')"), ['<3>e\\n<7>f']);
});

test('JSON lines have their priority in the journal, and nowhere else', () => {
  const lines = printed("createJsonLogger('debug', true)");
  assert.deepEqual(
    lines.map((line) => line.slice(0, 3)),
    ['<7>', '<6>', '<4>', '<3>'],
  );
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line.slice(3)) as { msg: string }).msg),
    ['d', 'i', 'w', 'e\n<7>f'],
  );
  assert.ok(printed("createJsonLogger('debug')").every((line) => line.startsWith('{')));
});
