/**
 * What stuckd asks of systeminformation, which starts programs: keep it off hot paths. The only owner of it, and a file of
 * its own to be loaded late: import() of a CommonJS package itself gives no named exports in a bundle.
 */
export { osInfo, system } from 'systeminformation';
