/** What stuckctl deliveries is asked for. */
import { DELIVERY_STATES_BY_NAME } from '../rpc/delivery-names.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { UsageError } from './cli-io.js';

export interface DeliveriesQuery {
  readonly receivers: readonly string[];
  readonly states: readonly stuckd.v1.DeliveryState[];
  readonly limit: number;
  /** Id of a delivery to send again; null to list. */
  readonly retry: string | null;
}

/** The name as tables show it, or as JSON does: DELIVERY_STATE_DEAD. @throws UsageError */
export function parseDeliveryState(text: string): stuckd.v1.DeliveryState {
  const value = DELIVERY_STATES_BY_NAME.get(text.toLowerCase().replace(/^delivery_state_/, ''));
  if (value === undefined) {
    const names = [...DELIVERY_STATES_BY_NAME.keys()].join(', ');
    throw new UsageError(`--state ${JSON.stringify(text)}: the states are ${names}`);
  }
  return value;
}

/** @throws UsageError */
export function parseRetry(id: string | undefined): string | null {
  if (id === '') {
    throw new UsageError('--retry: give the id of a delivery, as stuckctl deliveries shows it');
  }
  return id ?? null;
}
