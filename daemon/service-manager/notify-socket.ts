/**
 * Notifications to systemd, as sd_notify(3) describes them. Node has no datagram sockets of the AF_UNIX family, so
 * `stuckd-notify-exec` (bpf/notify_exec.c) connects NOTIFY_SOCKET before this program starts, and leaves the descriptor.
 */
import { fstatSync, writeSync } from 'node:fs';

/** The descriptor that `stuckd-notify-exec` has left. */
const DESCRIPTOR_VARIABLE = 'STUCKD_NOTIFY_FD';

export interface NotifySocket {
  /** @param assignments for example `READY=1`. @throws Error if they could not be sent; it never blocks. */
  send(assignments: readonly string[]): void;
}

/** The environment asks for something that cannot be done; the message says what to do. */
export class NotifySocketError extends Error {
  override readonly name = 'NotifySocketError';
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}

/**
 * @returns null where no service manager wants to be told.
 * @throws NotifySocketError if one does and there is no way.
 */
export function openNotifySocket(environment: NodeJS.ProcessEnv): NotifySocket | null {
  const number = environment[DESCRIPTOR_VARIABLE] ?? '';
  if (number === '') {
    if ((environment['NOTIFY_SOCKET'] ?? '') === '') {
      return null;
    }
    throw new NotifySocketError(
      'NOTIFY_SOCKET is set, but Node cannot open it: start the daemon as "stuckd-notify-exec node .../stuckd.js run", ' +
        'as deploy/systemd/stuckd.service does, or a unit of Type=notify will time out',
    );
  }
  const fd = /^[0-9]{1,4}$/.test(number) ? Number(number) : -1;
  if (fd < 3 || !isSocket(fd)) {
    throw new NotifySocketError(`${DESCRIPTOR_VARIABLE} is "${number}", which is no open socket`);
  }
  return {
    send: (assignments) => {
      writeSync(fd, assignments.join('\n'));
    },
  };
}
