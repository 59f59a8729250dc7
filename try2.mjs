import { writeFileSync } from 'node:fs';
import { buildEspruino } from './dist/test/engines/build.js';

const code = await buildEspruino(`
import { serial } from 'headwater/links/espruino-serial';
const hw = producer({ device: 'press-07', link: serial(Serial1, 115200, {path:"/tmp/h2/pty"}), bufferBytes: 1024 });
global.s = (t, rh) => hw.send(climate, { t, rh });
`);
console.log(code.length);
const esc = JSON.stringify(code);
writeFileSync(
  '/tmp/h2/st.js',
  `
var st=require("Storage"); st.eraseAll(); st.write("fw", ${esc}); 
E.unmountSD&&0; var u=function(){return process.memory().usage};
setTimeout("before=u();eval(st.read('fw'));print('loaded',u()-before)",200);
var n=0; setInterval("s(20+n/10,n++); if(n%20==0) print(n,u()-before)",50);
`,
);
