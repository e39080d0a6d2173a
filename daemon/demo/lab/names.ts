/**
 * Names of the lab's network namespaces. A name says who made it, so that leftovers of a crashed run can be told from
 * namespaces that are in use, and from namespaces of others.
 */

const NAME_PATTERN = /^stuckd-([1-9][0-9]{0,9})-[0-9]{1,6}-[a-z0-9]{1,16}$/;
const LABEL_PATTERN = /^[a-z0-9]{1,16}$/;

/** @throws RangeError if `label` is not 1-16 lower-case letters and digits. */
export function namespaceName(creatorPid: number, counter: number, label: string): string {
  if (!LABEL_PATTERN.test(label)) {
    throw new RangeError(`a namespace label is 1-16 lower-case letters and digits, not ${JSON.stringify(label)}`);
  }
  return `stuckd-${String(creatorPid)}-${String(counter)}-${label}`;
}

/** @returns the pid of the process that made the namespace of this name, undefined if no lab made it. */
export function creatorOf(name: string): number | undefined {
  const match = NAME_PATTERN.exec(name);
  return match === null ? undefined : Number(match[1]);
}
