/** Short names of the enums of deliveries: DELIVERY_STATE_DEAD is `dead` in tables and flags. */
import { stuckd } from './gen/stuckd.js';

const { DeliveryState, DeliveryEvent } = stuckd.v1;

function shortName(names: Readonly<Record<number, string>>, prefix: string, value: number): string {
  const name = names[value];
  // A newer daemon may know values that this client does not.
  return name === undefined ? value.toString() : name.slice(prefix.length).toLowerCase();
}

export function deliveryStateName(value: stuckd.v1.DeliveryState | null | undefined): string {
  return shortName(DeliveryState, 'DELIVERY_STATE_', value ?? 0);
}

export function deliveryEventName(value: stuckd.v1.DeliveryEvent | null | undefined): string {
  return shortName(DeliveryEvent, 'DELIVERY_EVENT_', value ?? 0);
}

/** All states by their short names. */
export const DELIVERY_STATES_BY_NAME: ReadonlyMap<string, stuckd.v1.DeliveryState> = new Map(
  [DeliveryState.DELIVERY_STATE_PENDING, DeliveryState.DELIVERY_STATE_DELIVERED, DeliveryState.DELIVERY_STATE_DEAD].map(
    (value) => [deliveryStateName(value), value],
  ),
);
