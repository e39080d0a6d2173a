/** What `stuckctl alerts` was asked. */
import type { AlertFilterRequest } from '../rpc/grpc-client.js';

export interface AlertsCommand {
  readonly filter: AlertFilterRequest;
  readonly limit: number;
  readonly includeResolved: boolean;
  readonly watch: boolean;
  /** Name of a receiver that is to be sent a test alert; null to list or follow. */
  readonly test: string | null;
}
