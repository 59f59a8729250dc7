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
  const isIt = Buffer.isBuffer(frame) && frame.length > 8 && frame.readInt16BE(4) === api;
  if (isIt && --left === 0) {
    if (when === 'before') strike(this);
    else atAnswer(this);
  }
  return Reflect.apply(write, this, words) as boolean;
} as typeof write;

function atAnswer(socket: Socket): void {
  const { emit } = socket;
  socket.emit = function (this: Socket, event: string | symbol, ...words: unknown[]) {
    if (event !== 'data') return Reflect.apply(emit, this, [event, ...words]) as boolean;
    socket.emit = emit;
    strike(socket);
    return what === 'lose' ? true : (Reflect.apply(emit, this, [event, ...words]) as boolean);
  } as typeof emit;
}

function strike(socket: Socket): void {
  if (what === 'kill') process.kill(process.pid, 'SIGKILL');
  else if (what === 'stop') process.kill(process.pid, 'SIGSTOP');
  else socket.destroy(new Error('the layer cut the connection'));
}
