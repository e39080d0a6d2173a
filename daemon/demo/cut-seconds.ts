/** How long the first cut of the demo may last, seconds: long enough to be noticed, short enough to be waited for. */
export const CUT_SECONDS = { default: 20, min: 8, max: 600 } as const;
