/** A real sensor that has introduced itself, and what it says of how it observes. */
import { connectSensor, type SensorLink, spawnSensor } from '../../daemon/sensor/sensor-link.js';
import { type SensorIntroduction, SensorSession } from '../../daemon/sensor/sensor-session.js';
import type { Ending } from './lab.js';
import { SENSOR_UNDER_TEST } from './sensor-under-test.js';

/** @throws Error with the reason of the sensor, if it ends instead. */
async function introduce(test: Ending, link: SensorLink): Promise<SensorIntroduction> {
  let tell: (introduction: SensorIntroduction) => void;
  const ready = new Promise<SensorIntroduction>((resolve) => {
    tell = resolve;
  });
  const session = new SensorSession(link, SENSOR_UNDER_TEST, {
    ready: (introduction) => {
      tell(introduction);
    },
    records: () => undefined,
  });
  const ended = session.run();
  test.after(async () => {
    session.close();
    await ended;
  });
  const failed = ended.then(({ reason }) => {
    throw new Error(reason);
  });
  return Promise.race([ready, failed]);
}

/** Starts a sensor as a daemon does. @param path of a sensor */
export function introducedSensor(test: Ending, path: string): Promise<SensorIntroduction> {
  return introduce(
    test,
    spawnSensor(path, [], () => undefined),
  );
}

/** Connects to one that runs apart. @param socket its path */
export function connectedSensor(test: Ending, socket: string): Promise<SensorIntroduction> {
  return introduce(test, connectSensor(socket));
}
