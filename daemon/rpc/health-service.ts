/** The standard health service: `""` is the server as a whole, every other name one of its services. */
import { status } from '@grpc/grpc-js';
import type { ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import { grpc } from './gen/stuckd.js';
import type { MalformedRequest } from './service-definition.js';
import { RpcError, acceptRequest, stopping, toStatus, unary } from './status.js';
import type { RpcLog } from './status.js';

type HealthRequest = grpc.health.v1.HealthCheckRequest.$Properties;
type HealthResponse = grpc.health.v1.HealthCheckResponse.$Properties;
type WatchCall = ServerWritableStream<HealthRequest | MalformedRequest, HealthResponse>;

const ServingStatus = grpc.health.v1.HealthCheckResponse.ServingStatus;
const WATCHERS_MAX = 64;

export class HealthService {
  readonly implementation: UntypedServiceImplementation;
  readonly #log: RpcLog;
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<WatchCall>();
  #serving = true;

  /** @param services full names of the services. */
  constructor(services: readonly string[], log: RpcLog) {
    this.#log = log;
    this.#services = new Set(['', ...services]);
    this.implementation = {
      check: unary(log, (request: HealthRequest) => this.#check(request.service ?? '')),
      watch: (call: WatchCall) => {
        this.#watch(call);
      },
    };
  }

  /** Says NOT_SERVING to everybody who follows or asks, and ends the streams. */
  drain(): void {
    this.#serving = false;
    for (const call of this.#watchers) {
      const request = acceptRequest(call.request);
      if (this.#services.has(request.service ?? '')) {
        call.write({ status: ServingStatus.NOT_SERVING });
      }
      call.emit('error', toStatus(stopping(), call.getPath(), this.#log));
    }
  }

  #present(): grpc.health.v1.HealthCheckResponse.ServingStatus {
    return this.#serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  #check(service: string): HealthResponse {
    if (!this.#services.has(service)) {
      const name = service.slice(0, 256);
      throw new RpcError(status.NOT_FOUND, `this server has no service ${JSON.stringify(name)}`, 'NAME_NOT_FOUND', {
        name,
      });
    }
    return { status: this.#present() };
  }

  #watch(call: WatchCall): void {
    try {
      const service = acceptRequest(call.request).service ?? '';
      if (this.#watchers.size >= WATCHERS_MAX) {
        const details = `${WATCHERS_MAX} health watches are open, which is the most`;
        throw new RpcError(status.RESOURCE_EXHAUSTED, details, 'TOO_MANY_SUBSCRIBERS', { limit: `${WATCHERS_MAX}` });
      }
      call.write({ status: this.#services.has(service) ? this.#present() : ServingStatus.SERVICE_UNKNOWN });
      this.#watchers.add(call);
      const forget = (): void => {
        this.#watchers.delete(call);
      };
      call.once('cancelled', forget);
      call.once('close', forget);
    } catch (error) {
      call.emit('error', toStatus(error, call.getPath(), this.#log));
    }
  }
}
