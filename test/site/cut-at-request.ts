// A layer for `node --import`: at a named request to Kafka the process is killed or suspended, before the request leaves or once it was
// answered, or it loses the answer alone. CUT_AT=<request>[number]:<before|after>:<kill|stop|lose>: the first of its kind, or that number's.

import { Socket } from 'node:net';

const requests: Record<string, number> = {
  ...{ produce: 0, initProducerId: 22, addPartitionsToTxn: 24, endTxn: 26 },
};
const [named = '', when = '', what = ''] = (process.env.CUT_AT ?? '').split(':');
const [, request = '', number = ''] = /^([A-Za-z]*)(\d*)$/.exec(named) ?? [];
const api = requests[request];
let left = Number(number === '' ? 1 : number);

const { write } = Socket.prototype;
Socket.prototype.write = function (this: Socket, ...words: unknown[]) {
  const [frame] = words;
  // Length, api key, version, correlation id.
  const isIt = Buffer.isBuffer(frame) && frame.length > 12 && frame.readInt16BE(4) === api;
  if (isIt && --left === 0) {
    if (when === 'before') strike(this);
    else atAnswer(this, frame.readInt32BE(8));
  }
  return Reflect.apply(write, this, words) as boolean;
} as typeof write;

/** Its own answer: another request's may be on its way. */
function atAnswer(socket: Socket, correlationId: number): void {
  const { emit } = socket;
  let bytes = Buffer.alloc(0);
  socket.emit = function (this: Socket, event: string | symbol, ...words: unknown[]) {
    if (event !== 'data') return Reflect.apply(emit, this, [event, ...words]) as boolean;
    bytes = Buffer.concat([bytes, words[0] as Buffer]);
    for (let size = 0; bytes.length >= 8; bytes = bytes.subarray(size)) {
      size = 4 + bytes.readInt32BE(0);
      if (bytes.readInt32BE(4) === correlationId) {
        socket.emit = emit;
        strike(socket);
        if (what === 'lose') return true;
        break;
      }
      if (bytes.length < size) break;
    }
    return Reflect.apply(emit, this, [event, ...words]) as boolean;
  } as typeof emit;
}

function strike(socket: Socket): void {
  if (what === 'kill') process.kill(process.pid, 'SIGKILL');
  else if (what === 'stop') process.kill(process.pid, 'SIGSTOP');
  else socket.destroy(new Error('the layer cut the connection'));
}
