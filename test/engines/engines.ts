import { join } from 'node:path';
import { projectFolder } from '../kafka/jars.js';

// `ESPRUINO=path,path… MQUICKJS=path npm run test:engines`: the firmware suites on the engines that are there, built by whoever
// runs this from their public sources. Several Espruinos differ in their number of variables.

for (const [variable, file] of [
  ['ESPRUINO', 'espruino.suite.js'],
  ['MQUICKJS', 'mquickjs.suite.js'],
] as const) {
  if (process.env[variable]) await import(join(projectFolder, 'dist/test/engines', file));
  else console.log(`SKIPPED ${variable}: no path is given (${variable}=path npm run test:engines)`);
}
