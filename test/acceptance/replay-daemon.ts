/**
 * The daemon of the replay tests as a process of its own, so that it can be killed. Arguments: address, state directory,
 * sensor socket, configuration file. It says `ready` to its parent, and takes the time of the recorded machine from it.
 */
import { startApp } from '../../daemon/app.js';
import { loadConfig } from '../../daemon/config.js';
import { createJsonLogger } from '../../daemon/lib/logger.js';
import { ReplayClock } from './replay-sensor.js';

const [grpcAddress = '', stateDir = '', sensorAddress = '', configPath = ''] = process.argv.slice(2);
const clock = new ReplayClock();
process.on('message', (nowUs: number) => {
  clock.advance(nowUs);
});
process.on('disconnect', () => {
  process.exit(1);
});
const config = loadConfig({ grpcAddress, stateDir, sensorAddress, configPath }, {});
await startApp(config, createJsonLogger('warn'), clock);
process.send?.('ready');
