/** The words of alert scenarios: `key=value` and flags. */
import assert from 'node:assert/strict';

const KEYS = ['kind', 'pid', 'peer', 'in', 'gives', 'pod', 'unit', 'netns', 'exe', 'container'] as const;
const FLAGS = ['info', '-info', 'orphan', 'unowned', 'closed'];

export type Words = Readonly<Partial<Record<(typeof KEYS)[number], string>>> & { readonly flags: ReadonlySet<string> };

/** @param ordinal what `each` stands for */
export function parseWords(words: readonly string[], ordinal: number): Words {
  const pairs: Partial<Record<(typeof KEYS)[number], string>> = {};
  const flags = new Set<string>();
  for (const word of words.filter((text) => text !== '')) {
    const [name = '', value] = word.split('=');
    const key = KEYS.find((known) => known === name);
    if (value !== undefined && key !== undefined) {
      pairs[key] = value === 'each' ? String(ordinal) : value;
    } else {
      assert.ok(FLAGS.includes(word), `"${word}" is no word of an alert scenario`);
      flags.add(word);
    }
  }
  return { ...pairs, flags };
}
