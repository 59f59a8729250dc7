import { Describer } from '../../../proxy/lines/describe.js';
import { decodeMessage, type Hello } from '../../../proxy/message.js';
import { NAME, SEQ_MAX, UPTIME_MAX } from '../../../sdk/wire.js';
import { helloBody } from '../../proxy/talk.js';
import { fromHex, vectors } from '../../proxy/vectors.js';
import { body, checked } from '../arbitraries.js';
import { join, uint } from '../cbor-writer.js';
import { check, same, type Target } from '../target.js';

// A body, and the line that `headwater lines monitor` shows of it.

function run(input: Uint8Array): string {
  const described = new Describer().describe(checked(input));

  const found = decodeMessage(input);
  switch (found.type) {
    case 'malformed':
      check(found.why !== '', 'no reason');
      return `${found.what} ${found.why.replace(/\d+/g, '#')}`;
    case 'hello':
      checkHello(found);
      return `hello of ${found.tables.length} tables, ${found.boots.length} boots`;
    case 'data': {
      const { boot, uptime, table, first, count, block } = found;
      check(boot > 0 && count > 0 && first + count <= SEQ_MAX + 1, 'seqs that nothing may have');
      check(uptime < UPTIME_MAX && table < 16 && block.length > 0, 'a number out of range');
      const items = [4, boot, uptime, table, first, count].map(uint);
      check(same(join(...items, block), input), 'encode(decode(x)) is not x');
      return 'data';
    }
    case 'table': {
      const { index, stream, description } = found;
      check(index < 16 && stream < 64 && description.length > 0, 'a number out of range');
      const items = [3, index, stream].map(uint);
      check(same(join(...items, description), input), 'encode(decode(x)) is not x');
      return 'table';
    }
    default:
      return `${found.type} ${described.what.replace(/\d+/g, '#')}`;
  }
}

function checkHello(hello: Hello): void {
  const { device, boots, tables, frameBytesMax, uptime } = hello;
  check(NAME.test(device), 'a name that no key may be');
  check(frameBytesMax >= 64 && frameBytesMax <= 2_304 && uptime < UPTIME_MAX, 'out of range');
  check(boots.length > 0 && boots.length <= 16 && tables.length <= 16, 'more than there may be');
  check(new Set(boots.map(({ boot }) => boot)).size === boots.length, 'a boot twice');
  for (const { lowest, next } of boots)
    check(lowest <= next && next <= SEQ_MAX + 1, 'out of range');
  const again = decodeMessage(helloBody(boots, hello));
  check(JSON.stringify(again) === JSON.stringify(hello), 'decode(encode(x)) is not x');
}

export const messageTarget: Target = {
  name: 'message',
  checks:
    'every item within its range, or malformed with a reason; decode(encode(x)) = x; shown in one line',
  arbitrary: body,
  seeds: () =>
    vectors<{ cases: { name: string; body: string }[] }>('messages').cases.map(
      ({ name, body: hex }) => ({
        name,
        bytes: fromHex(hex),
      }),
    ),
  fresh: () => ({ run }),
};
