import { espruinoSuite } from './espruino.suite.js';
import { mquickjsSuite } from './mquickjs.suite.js';

// `ESPRUINO=path,path… MQUICKJS=path npm run test:engines`: the firmware suites on the engines that are there, built by whoever
// runs this from their public sources. Several Espruinos differ in their number of variables.
// All of them are made in one turn, so that they run one after the other.

for (const [variable, make] of [
  ['ESPRUINO', espruinoSuite],
  ['MQUICKJS', mquickjsSuite],
] as const) {
  const paths = (process.env[variable] ?? '').split(',').filter((path) => path !== '');
  for (const path of paths) make(path);
  if (paths.length === 0) {
    console.log(`SKIPPED ${variable}: no path is given (${variable}=path npm run test:engines)`);
  }
}
