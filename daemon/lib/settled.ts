/** A limit for whatever may take for ever. */

/**
 * @param reason what the error says if the time is up; what was waited for goes on unheard.
 */
export async function settled<Result>(work: Promise<Result>, limitMs: number, reason: string): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(reason));
    }, limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
