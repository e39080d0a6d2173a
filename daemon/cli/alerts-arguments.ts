/** What `stuckctl alerts` was asked. */
import type { AlertFilterRequest } from '../rpc/grpc-client.js';
import type { TimeArgument } from './time-argument.js';

export interface AlertsCommand {
  readonly filter: AlertFilterRequest;
  readonly limit: number;
  readonly includeResolved: boolean;
  /** Of the resolved ones, only those that were firing at some time from then on. */
  readonly since: TimeArgument | null;
  readonly watch: boolean;
  /** Name of a receiver that is to be sent a test alert; null to list or follow. */
  readonly test: string | null;
}
