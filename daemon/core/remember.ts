/**
 * Keeps a value for all who ask later, in a map of bounded size: one that is full is emptied. What is asked for again comes back
 * at once, and nothing has to be noted when it is asked for, as in a cache that knows what was not used for longest.
 * @returns the value
 */
export function remember<Key, Value>(known: Map<Key, Value>, max: number, key: Key, value: Value): Value {
  if (known.size >= max) {
    known.clear();
  }
  known.set(key, value);
  return value;
}
