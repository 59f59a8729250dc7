import { runSite } from './site.js';

const from = Number(process.argv[2] ?? 1),
  count = Number(process.argv[3] ?? 1);
const began = performance.now();
for (let seed = from; seed < from + count; seed++) {
  try {
    const result = await runSite({
      seed,
      steps: 500,
      devices: 0,
      without: new Set(),
      print: process.env.TRACE ? console.log : null,
      ...(process.env.DEFECT ? { defect: process.env.DEFECT as never } : {}),
    });
    if (count < 30) console.log(seed, JSON.stringify(result));
  } catch (error) {
    console.log(seed, (error as Error).stack?.split('\n').slice(0, 6).join('\n'));
  }
}
console.log(((count / (performance.now() - began)) * 1000).toFixed(1), 'seeds/s');
