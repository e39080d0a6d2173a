/** An alert that says of itself that it is a test. */
import { encodeAlert } from './alert-message.js';

/** Of RFC 5737: an address that stands for no host. */
const NO_PEER = { address: '192.0.2.1', port: 443 };

/** @param id unique. @returns the proto3 JSON mapping of stuckd.v1.Alert */
export function testAlert(receiver: string, node: string, id: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString();
  return encodeAlert({
    id: `test-${id}`,
    status: 'ALERT_STATUS_FIRING',
    severity: 'SEVERITY_INFO',
    kind: 'STUCK_KIND_RETRANSMITTING',
    processCount: 1,
    peer: NO_PEER,
    stuckCount: 1,
    startTime: time,
    updateTime: time,
    fireTime: time,
    summary: `TEST of receiver ${receiver} by stuckd on ${node}: nothing is stuck, and nothing has to be done.`,
    receivers: [receiver],
  });
}
