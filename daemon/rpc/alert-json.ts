/** An alert in the proto3 JSON mapping, as webhooks send it. */
import { stuckd } from './gen/stuckd.js';
import { toProtoJson } from './proto-json.js';

/** @param alert as the mapping of alerts makes it. */
export function alertToJson(alert: stuckd.v1.Alert.$Properties): object {
  // What a client would decode: nested messages become instances of their classes, by which times are known.
  const decoded = stuckd.v1.Alert.decode(stuckd.v1.Alert.encode(alert).finish());
  return toProtoJson(decoded) as object;
}
