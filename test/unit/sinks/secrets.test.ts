// Proves that secrets are read from files anew each time, that files which everybody may read are refused, that errors
// never show what is in them, and that signatures are those of Standard Webhooks, as its own library verifies them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { readUrlFile } from '../../../daemon/sinks/generic.js';
import { readSecretFile } from '../../../daemon/sinks/secret-file.js';
import { readSigningKeys, signature } from '../../../daemon/sinks/standard-webhooks.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-secrets-'));
after(() => {
  rmSync(directory, { recursive: true });
});
const path = join(directory, 'secret');

function write(text: string, mode = 0o600): string {
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

test('a file for the owner, or for a group', async () => {
  assert.equal(await readSecretFile(write(' hush \n', 0o600)), 'hush');
  assert.equal(await readSecretFile(write('hush', 0o440)), 'hush');
  assert.equal(await readSecretFile(write('another')), 'another');
});

const refused: readonly (readonly [string, () => string, RegExp])[] = [
  ['readable by everybody', () => write('hush', 0o644), /open to everybody.*chmod o=/],
  ['writable by everybody', () => write('hush', 0o602), /open to everybody/],
  ['empty', () => write('\n'), /is empty$/],
  ['too long', () => write('x'.repeat(20_000)), /larger than 16384 bytes$/],
  ['absent', () => join(directory, 'absent'), /there is no such file$/],
  ['a directory', () => directory, /is not a file$/],
];

for (const [name, prepare, message] of refused) {
  test(`a file that is ${name} is refused`, async () => {
    mkdirSync(directory, { recursive: true });
    await assert.rejects(readSecretFile(prepare()), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /hush/);
      return true;
    });
  });
}

for (const text of [
  'hush',
  'whsec_',
  'whsec_hush',
  `whsec_${randomBytes(23).toString('base64')}`,
  `whsec_${randomBytes(65).toString('base64')}`,
]) {
  test(`no secret of Standard Webhooks: ${text.slice(0, 12)} of ${text.length} characters`, async () => {
    await assert.rejects(readSigningKeys(write(text)), (error: Error) => {
      assert.match(error.message, /must hold whsec_ and 24 to 64 bytes/);
      assert.ok(text.length < 8 || !error.message.includes(text), 'the error shows the secret');
      return true;
    });
  });
}

test('more secrets than a rotation needs are a mistake', async () => {
  await assert.rejects(readSigningKeys(write(Array.from({ length: 5 }, newSecret).join('\n'))), /at most 4 secrets/);
});

test('a URL file that holds none is refused without showing it', async () => {
  await assert.rejects(readUrlFile(write('hush-token')), (error: Error) => {
    assert.match(error.message, /does not hold a URL/);
    assert.doesNotMatch(error.message, /hush/);
    return true;
  });
  await assert.rejects(readUrlFile(write('https://user:hush@example.com/')), /user name or password/);
});

test('signatures are verified by the library of the standard, also while secrets are rotated', async () => {
  const [old, fresh] = [newSecret(), newSecret()];
  const body = JSON.stringify({ id: 'a1', text: 'ä' });
  const timestampS = Math.floor(Date.now() / 1000);
  const headersOf = (keys: readonly Buffer[]): Record<string, string> => ({
    'webhook-id': 'msg_1',
    'webhook-timestamp': timestampS.toString(),
    'webhook-signature': signature(keys, 'msg_1', timestampS, body),
  });
  const both = headersOf(await readSigningKeys(write(`${old}\n${fresh}\n`)));
  assert.deepEqual(new Webhook(old).verify(body, both), JSON.parse(body));
  assert.deepEqual(new Webhook(fresh).verify(body, both), JSON.parse(body));

  const rotated = headersOf(await readSigningKeys(write(fresh)));
  new Webhook(fresh).verify(body, rotated);
  assert.throws(() => new Webhook(old).verify(body, rotated), WebhookVerificationError);
  assert.throws(() => new Webhook(fresh).verify(`${body} `, rotated), WebhookVerificationError);
});
