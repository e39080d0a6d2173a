/** One piece of advice. */

/** Where a piece of advice applies; `now` is the first thing to do, the others keep it from happening again. */
export type AdviceLayer = 'now' | 'application' | 'library' | 'socket' | 'system' | 'network';

export interface Advice {
  readonly layer: AdviceLayer;
  readonly text: string;
}

export function item(layer: AdviceLayer, text: string): Advice {
  return { layer, text };
}
