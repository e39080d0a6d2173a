/** Pods as the API server shows them. */
import type { PodObject } from '../../support/fake-api-server.js';

export const NODE = 'node-17';

/** 64 digits of which the last ones are `number`. */
export function containerId(number: number): string {
  return number.toString(16).padStart(64, '0');
}

export function podUid(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** Path of the control group of its container, as containerd lays out a pod with the systemd driver. */
export function podGroup(number: number): string {
  const uid = podUid(number).replaceAll('-', '_');
  const slice = `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid}.slice`;
  return `${slice}/cri-containerd-${containerId(number)}.scope`;
}

/** Pod `web-<number>` in namespace `shop`, with one container `app` whose id ends in the number. */
export function createPod(number: number, changes: Partial<PodObject> = {}): PodObject {
  return {
    metadata: { uid: podUid(number), name: `web-${number}`, namespace: 'shop', labels: { app: 'web' } },
    spec: { nodeName: NODE },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'app',
          ready: true,
          containerID: `containerd://${containerId(number)}`,
          state: { running: {} },
          lastState: {},
        },
      ],
    },
    ...changes,
  };
}
