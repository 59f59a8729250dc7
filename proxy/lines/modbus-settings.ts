import { z } from 'zod';
import { DESCRIPTION_BYTES_MAX } from '../../sdk/wire.js';

// A Modbus RTU meter on a bus, as gateway.yaml names it: which registers become which fields of which stream, of which device.

/** Registers that each type takes; a bit has none. */
export const registersOf = {
  ...{ uint16: 1, int16: 1, uint32: 2, int32: 2, float32: 2, bool: 1 },
} as const;

const register = z
  .strictObject({
    /** The field of the stream. */
    name: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'a name of letters, digits and _, a letter first'),
    kind: z.enum(['holding', 'input', 'coil', 'discrete']).default('holding'),
    /** As it is on the wire, from 0 on: what a manual calls 40001 is holding register 0. */
    at: z.int().min(0).max(65_535),
    type: z.enum(['uint16', 'int16', 'uint32', 'int32', 'float32', 'bool']),
    /** Which of two registers comes first: `big`, the one with the high bits. */
    wordOrder: z.enum(['big', 'little']).default('big'),
    /** A whole number in the register is so many decimal places; a float32 is rounded to them. */
    decimals: z.int().min(0).max(9).optional(),
  })
  .refine(({ kind, type }) => (kind === 'coil' || kind === 'discrete') === (type === 'bool'), {
    path: ['type'],
    message: 'bool where kind is coil or discrete, and only there',
  })
  .refine(({ type, decimals }) => type !== 'bool' || decimals === undefined, {
    path: ['decimals'],
    message: 'none: a bool has no decimals',
  })
  .refine(({ at, type }) => at + registersOf[type] <= 65_536, {
    path: ['at'],
    message: 'at most 65534 for a type of two registers',
  });

/** Of whatever is on a bus: a drop and a meter never share one. */
export const busAddress = z.int().min(1).max(247);

const meter = z.strictObject({
  address: busAddress,
  /** The device that the gateway plays for it; also the name of its store's file. */
  device: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name of letters, digits, . _ - (no sign first)'),
  everyMs: z.int().min(100).max(86_400_000).default(10_000),
  /** From the end of a request to its answer, the time of its bytes aside. The bus waits as long for one that is silent. */
  answerTimeoutMs: z.int().min(10).max(5_000).default(200),
  stream: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'a name of letters, digits, . _ -'),
  registers: z
    .array(register)
    .min(1)
    .max(32)
    .superRefine((registers, context) => {
      for (const [index, { name }] of registers.entries()) {
        if (registers.findIndex((other) => other.name === name) === index) continue;
        const message = 'a name of its own: another register has it too';
        context.addIssue({ code: 'custom', path: [index, 'name'], message });
      }
    }),
});

/** In the table of a device, PROTOCOL.md §4; behind a field's its type takes one more. */
const nameBytes = ({ length }: string) => length + (length < 24 ? 1 : 2);

/** What a device's build refuses is refused where a person wrote it. */
export const modbusMeter = meter.superRefine(({ stream, registers }, context) => {
  const bytes = registers.reduce((sum, { name }) => sum + nameBytes(name) + 1, nameBytes(stream));
  if (bytes <= DESCRIPTION_BYTES_MAX) return;
  const message = `its name and its registers' in ${DESCRIPTION_BYTES_MAX} bytes together, and they take ${bytes}: shorten them`;
  context.addIssue({ code: 'custom', path: ['stream'], message });
});

export type ModbusMeter = z.output<typeof modbusMeter>;
export type ModbusRegister = ModbusMeter['registers'][number];
