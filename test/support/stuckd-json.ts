/** What the daemon tells, as scripts see it: proto3 JSON, of which tests read some fields. */

/** A record as scripts see it: the proto3 JSON of a StuckConnection, of which tests read some fields. */
export interface StuckJson {
  readonly id: string;
  readonly previousId?: string;
  readonly counterpartId?: string;
  readonly kind: string;
  readonly state: string;
  readonly direction?: string;
  readonly local: { readonly address: string; readonly port: number };
  readonly remote: { readonly address: string; readonly port: number };
  readonly netns: number;
  readonly cookie: string;
  readonly ownerType?: string;
  readonly owner?: OwnerJson;
  readonly lastOwner?: OwnerJson;
  readonly since: string;
  readonly sinceAtLeast?: boolean;
  readonly detectedTime: string;
  readonly unackedBytes?: string;
  readonly unsentBytes?: string;
  readonly retransmits?: number;
  readonly probes?: number;
  readonly rto?: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly giveUp?: {
    readonly time?: string;
    readonly latestTime?: string;
    readonly never?: boolean;
    readonly reason?: string;
    readonly expectedError?: string;
    readonly supposes?: readonly string[];
  };
  readonly polled?: boolean;
  readonly unknown?: readonly string[];
  readonly detectedGiveUp?: { readonly time?: string; readonly latestTime?: string };
  readonly forecastError?: string;
  readonly informational?: boolean;
  readonly cause?: string;
  readonly idleBefore?: string;
  readonly peerIdleLimit?: string;
  readonly reuse?: string;
  readonly acceptQueue?: {
    readonly waiting?: number;
    readonly limit?: number;
    readonly handshakes?: number;
    readonly unanswered?: number;
  };
  readonly receiveBufferBytes?: string;
  readonly unreadBytes?: string;
  readonly outcome?: string;
  readonly endTime?: string;
  readonly diagnosis?: { readonly summary: string; readonly effect: string };
  readonly timeline?: readonly { readonly time: string; readonly text: string }[];
  readonly workload?: WorkloadJson;
}

export interface WorkloadJson {
  readonly cgroup?: string;
  readonly containerId?: string;
  readonly containerRuntime?: string;
  readonly podUid?: string;
  readonly pod?: string;
  readonly podNamespace?: string;
  readonly container?: string;
  readonly podLabels?: Readonly<Record<string, string>>;
  readonly unit?: string;
}

export interface OwnerJson {
  readonly pid: number;
  readonly comm: string;
  readonly startTime: string;
  readonly executable: string;
  readonly user?: string;
  readonly cgroup?: string;
  readonly containerId?: string;
  readonly pod?: string;
  readonly podNamespace?: string;
  readonly container?: string;
  readonly holders: readonly { readonly pid: number; readonly comm: string; readonly fd: number }[];
}

/** A process with stuck connections, as ListProcesses gives it. */
export interface ProcessJson {
  readonly process?: OwnerJson;
  readonly stuckCount: number;
  readonly totalCount?: number;
  readonly byKind: readonly { readonly kind: string; readonly count: number }[];
  readonly destinations: readonly {
    readonly peer?: { readonly address: string; readonly port: number };
    readonly localPort?: number;
    readonly stuckCount: number;
    readonly totalCount?: number;
  }[];
  readonly oldestSince: string;
  readonly earliestGiveUp?: string;
  readonly unackedBytes?: string;
}

/** A peer to which connections are stuck, as ListPeers gives it. */
export interface PeerJson {
  /** Of a loopback peer. */
  readonly netns?: number;
  readonly peer: { readonly address: string; readonly port: number };
  readonly stuckCount: number;
  readonly totalCount?: number;
  readonly processCount?: number;
  readonly newConnections?: { readonly succeeded?: string; readonly failed?: string };
  readonly verdict?: string;
  readonly summary: string;
  readonly unackedBytes?: string;
}

/** One change of a watch. */
export interface ChangeJson {
  readonly kind: 'snapshotItem' | 'opened' | 'updated' | 'ended';
  readonly record: StuckJson;
}
