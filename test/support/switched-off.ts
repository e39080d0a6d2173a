/** Tracepoints to leave out, so that a test can be seen to fail without its probe: STUCKD_TEST_WITHOUT=a,b. */
export function switchedOff(): readonly string[] {
  const names = process.env['STUCKD_TEST_WITHOUT'] ?? '';
  return names === '' ? [] : names.split(',');
}
