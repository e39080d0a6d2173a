// Proves what `receivers` of the configuration accepts, its defaults, and that mistakes are told without showing secrets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { receiversSchema } from '../../../daemon/sinks/receiver-config.js';

test('each type with its least settings', () => {
  const receivers = receiversSchema.parse([
    { name: 'hook', type: 'webhook', url: 'https://example.com/x' },
    { name: 'am', type: 'alertmanager', urls: ['https://a.example', 'https://b.example/prefix'] },
    { name: 'chat', type: 'slack', urlFile: '/etc/stuckd/slack' },
  ]);
  const defaults = {
    allowPrivate: false,
    allowLoopback: false,
    timeout: 15_000,
    minSeverity: 'info',
    sendResolved: true,
  };
  assert.deepEqual(receivers[0], {
    name: 'hook',
    type: 'webhook',
    url: 'https://example.com/x',
    sendUpdates: false,
    ...defaults,
  });
  assert.equal(receivers.length, 3);
  assert.deepEqual(receiversSchema.parse(undefined), []);
});

const hook = { name: 'hook', type: 'webhook', url: 'https://example.com/x' };
const mistakes: readonly (readonly [string, unknown, RegExp])[] = [
  ['an unknown key', { ...hook, secret: 'hush' }, /secret/],
  ['an unknown type', { ...hook, type: 'pager' }, /type/],
  ['no name', { type: 'webhook', url: hook.url }, /name/],
  ['a name with a space', { ...hook, name: 'a b' }, /short name/],
  ['neither url nor urlFile', { name: 'hook', type: 'webhook' }, /either url or urlFile/],
  ['both', { ...hook, urlFile: '/x' }, /either url or urlFile/],
  ['no URL', { ...hook, url: 'example.com' }, /must be a URL/],
  ['another scheme', { ...hook, url: 'ftp://example.com' }, /must begin with https/],
  ['a password in a URL', { ...hook, url: 'https://me:hush@example.com' }, /user name or password/],
  ['http without permission', { ...hook, url: 'http://10.0.0.1' }, /http:\/\/ goes to/],
  [
    'http of a replica',
    { name: 'am', type: 'alertmanager', urls: ['https://a.example', 'http://b'] },
    /http:\/\/ goes to/,
  ],
  ['a Slack URL in the open', { name: 'chat', type: 'slack', url: 'https://hooks.example/hush' }, /urlFile/],
  ['a relative path', { ...hook, secretFile: 'secret' }, /absolute path/],
  ['a long timeout', { ...hook, timeout: '5m' }, /from 1s to 30s/],
  ['an unknown severity', { ...hook, minSeverity: 'grave' }, /minSeverity/],
  ['no replicas', { name: 'am', type: 'alertmanager', urls: [] }, /urls/],
];

for (const [name, receiver, message] of mistakes) {
  test(`${name} is a mistake`, () => {
    const result = receiversSchema.safeParse([receiver]);
    assert.equal(result.success, false);
    const text = z.prettifyError(result.error);
    assert.match(text, message);
    assert.doesNotMatch(text, /hush/);
  });
}

test('http is permitted where the address is', () => {
  assert.equal(receiversSchema.safeParse([{ ...hook, url: 'http://10.0.0.1', allowPrivate: true }]).success, true);
  assert.equal(receiversSchema.safeParse([{ ...hook, url: 'http://[::1]:1', allowLoopback: true }]).success, true);
});

test('two receivers of one name are a mistake', () => {
  const result = receiversSchema.safeParse([hook, hook]);
  assert.match(z.prettifyError(result.error ?? new z.ZodError([])), /"hook" is the name of another receiver/);
});
