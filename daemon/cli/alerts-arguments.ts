/** What `stuckctl alerts` was asked. */
import type { AlertFilterRequest } from '../rpc/grpc-client.js';

export interface AlertsCommand {
  readonly filter: AlertFilterRequest;
  readonly limit: number;
  readonly includeResolved: boolean;
  readonly watch: boolean;
}
