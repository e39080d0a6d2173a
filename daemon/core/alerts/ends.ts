/** How often a condition came to its end lately: the longer it goes on and off, the later it fires again. */
export interface Ends {
  readonly count: number;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly lastUs: number;
}
