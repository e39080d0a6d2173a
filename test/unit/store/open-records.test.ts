// Proves that open records come back from disk as they were, that a file which cannot be understood stops nobody and is
// kept, and that a write that fails harms nothing. It cannot prove what a disk does when the power fails.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { OpenRecordStore } from '../../../daemon/store/open-records.js';
import { createSavedState } from './saved-state.js';

let directory: string;
let stateDir: string;
let file: string;
let store: OpenRecordStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stuckd-store-'));
  stateDir = join(directory, 'lib', 'stuckd');
  file = join(stateDir, 'open-records.jsonl');
  store = new OpenRecordStore(stateDir);
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** What a daemon that starts now finds. */
function loadAnew(): ReturnType<OpenRecordStore['load']> {
  return new OpenRecordStore(stateDir).load();
}

describe('what was saved comes back', () => {
  test('the first run finds nothing, makes the directory, and that is no problem', async () => {
    assert.deepEqual(await store.load(), { state: null, problem: null });
    assert.equal(statSync(stateDir).mode & 0o777, 0o750);
  });

  for (const count of [0, 1, 100, 101, 250]) {
    test(`${count} records, every field, bigints included`, async () => {
      await store.load();
      await store.save(createSavedState(count));
      assert.deepEqual(await loadAnew(), { state: createSavedState(count), problem: null });
    });
  }

  for (const comm of ['123', '123n', '{"$bigint":"1"}', '__proto__', 'a\nb', '\u2028', '\ud800', '"']) {
    test(`a process that calls itself ${JSON.stringify(comm)}`, async () => {
      await store.load();
      await store.save(createSavedState(2, comm));
      assert.deepEqual((await loadAnew()).state, createSavedState(2, comm));
    });
  }

  test('the newest of several saves, with nothing left beside it', async () => {
    await store.load();
    await Promise.all([
      store.save(createSavedState(300)),
      store.save(createSavedState(2)),
      store.save(createSavedState(3)),
    ]);
    assert.equal((await loadAnew()).state?.entries.length, 3);
    assert.deepEqual(readdirSync(stateDir), ['open-records.jsonl']);
    assert.equal(statSync(file).mode & 0o777, 0o640);
  });
});

test('a file from before forecasts at detection were kept', async () => {
  await store.load();
  await store.save(createSavedState(2));
  const text = readFileSync(file, 'utf8');
  const older = text.replaceAll(/"(detectedGiveUp|forecastErrorUs)":(-?\d+|\{[^}]*\}),/g, '');
  assert.equal(text.includes('detectedGiveUp') && !older.includes('detectedGiveUp'), true);
  assert.ok(!older.includes('forecastErrorUs'));
  writeFileSync(file, older);
  const { state, problem } = await loadAnew();
  assert.equal(problem, null);
  assert.deepEqual(
    state?.entries.map(({ record }) => [record.id, record.detectedGiveUp, record.forecastErrorUs]),
    [
      ['c0', null, null],
      ['c1', null, null],
    ],
  );
});

describe('a file that cannot be understood', () => {
  const damages: readonly { name: string; reason: RegExp; damage: (text: string) => string }[] = [
    { name: 'empty', reason: /not complete/, damage: () => '' },
    { name: 'no JSON', reason: /JSON/, damage: () => 'hello\n' },
    { name: 'JSON of something else', reason: /version/, damage: () => '{}\n' },
    { name: 'null', reason: /expected object/, damage: () => 'null\n' },
    { name: 'cut inside a line', reason: /JSON/, damage: (text) => text.slice(0, -100) },
    {
      name: 'cut between lines',
      reason: /not complete/,
      damage: (text) => `${text.split('\n').slice(0, 2).join('\n')}\n`,
    },
    { name: 'with a line too many', reason: /not complete/, damage: (text) => text + (text.split('\n')[1] ?? '') },
    { name: 'of another version', reason: /expected 1/, damage: (text) => text.replace('"version":1', '"version":2') },
    { name: 'with a field that is missing', reason: /sinceUs/, damage: (text) => text.replace('"sinceUs"', '"since"') },
    {
      name: 'with a number that is a text',
      reason: /netns/,
      damage: (text) => text.replace(/"netns":(\d+)/, '"netns":"$1"'),
    },
    {
      name: 'with a cookie that is none',
      reason: /cookie/,
      damage: (text) => text.replace(/"cookie":"\d+"/, '"cookie":"-1"'),
    },
    {
      name: 'with a kind that is none',
      reason: /record\.kind/,
      damage: (text) => text.replace('"retransmitting"', '"sleeping"'),
    },
  ];
  for (const { name, reason, damage } of damages) {
    test(`${name}: it is moved aside, with the reason, and the next save works`, async () => {
      await store.load();
      await store.save(createSavedState(3));
      const damaged = damage(readFileSync(file, 'utf8'));
      assert.notEqual(damaged, readFileSync(file, 'utf8'));
      writeFileSync(file, damaged);
      const { state, problem } = await loadAnew();
      assert.equal(state, null);
      const opening = `${file} cannot be understood (`;
      const ending = `); it was moved to ${file}.unreadable`;
      assert.ok(problem?.startsWith(opening) === true && problem.endsWith(ending), String(problem));
      assert.match(problem.slice(opening.length, -ending.length), reason);
      assert.equal(readFileSync(`${file}.unreadable`, 'utf8'), damaged);
      assert.deepEqual(await loadAnew(), { state: null, problem: null });
      await store.save(createSavedState(1));
      assert.equal((await loadAnew()).state?.entries.length, 1);
    });
  }
});

describe('a directory that cannot be used', () => {
  test('is an error of load that names it', async () => {
    writeFileSync(join(directory, 'lib'), 'a file, no directory');
    await assert.rejects(store.load(), (error: Error) => error.message.includes(stateDir));
  });

  test('that vanishes is an error of save, and of the next one none once it is back', async () => {
    await store.load();
    rmSync(stateDir, { recursive: true });
    await assert.rejects(store.save(createSavedState(1)), /ENOENT/);
    mkdirSync(stateDir);
    await store.save(createSavedState(2));
    assert.equal((await loadAnew()).state?.entries.length, 2);
  });

  test('that is full keeps the old file and is given its space back', async (t) => {
    if (process.getuid?.() !== 0) {
      t.skip('needs root, to mount a small file system');
      return;
    }
    mkdirSync(stateDir, { recursive: true });
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', stateDir], { encoding: 'utf8' });
    if (mount.status !== 0) {
      t.skip(`needs to mount a small file system: ${mount.stderr}`);
      return;
    }
    try {
      await store.load();
      await store.save(createSavedState(2));
      await assert.rejects(store.save(createSavedState(500)), /ENOSPC/);
      assert.ok(!existsSync(`${file}.new`));
      assert.equal((await loadAnew()).state?.entries.length, 2);
      await store.save(createSavedState(3));
      assert.equal((await loadAnew()).state?.entries.length, 3);
    } finally {
      // Lazily: whoever walks the descriptors of all processes just now may hold one of ours for a moment.
      spawnSync('umount', ['--lazy', stateDir]);
    }
  });
});
