import { z } from 'zod';
import { busAddress, modbusMeter } from './modbus-settings.js';

// One serial line, or all that a USB rule matches, as site.yaml names it. Checked with the rest of the configuration.

const usbId = z
  .string()
  .regex(/^[0-9a-fA-F]{4}$/, 'four hex digits in quotes, as lsusb prints them ("10c4")')
  .transform((id) => id.toLowerCase());

const notBinary = 'none or rts-cts (not XON/XOFF: its two bytes occur in every frame)';

/** A half-duplex bus (RS-485) of devices that speak when they are polled. */
const busSettings = z.strictObject({
  /** Addresses of devices that are known to be there. */
  drops: z
    .array(busAddress)
    .max(64)
    .superRefine((drops, context) => {
      for (const [index, address] of drops.entries()) {
        if (drops.indexOf(address) === index) continue;
        context.addIssue({ code: 'custom', path: [index], message: 'each address once' });
      }
    })
    .default([]),
  /** Addresses that are tried, one after the other, for devices that are not known yet. */
  scan: z
    .strictObject({ from: busAddress, to: busAddress })
    .refine(({ from, to }) => from <= to, { path: ['to'], message: 'from or above' })
    .optional(),
  /** One address that is silent or not known is tried every so often. */
  scanEveryMs: z.int().min(50).max(60_000).default(1_000),
  /** From the end of a poll to the first byte of its answer, and the longest pause within one: a USB adapter alone may take 16 ms. */
  answerTimeoutMs: z.int().min(2).max(5_000).default(50),
  /** From the end of an answer to the next poll: a device needs it to turn its driver off. */
  turnaroundMs: z.int().min(0).max(1_000).default(2),
  /** A round takes at least so long: what nobody uses is not polled away. */
  roundMs: z.int().min(1).max(60_000).default(20),
  /** How the adapter's driver is turned on: by itself, or by RTS while this end speaks. */
  driverEnable: z.enum(['auto', 'rts']).default('auto'),
  /** Meters that speak Modbus RTU, for which a gateway stands in as a device each. */
  modbus: z.array(modbusMeter).max(64).default([]),
});

export type BusSettings = z.output<typeof busSettings>;

export const lineSettings = z
  .strictObject({
    /** A device file; /dev/serial/by-id/… stays the same when an adapter comes back under another number. */
    path: z.string().min(1).optional(),
    /** Every adapter that it matches is a line. */
    usb: z
      .strictObject({
        vendorId: usbId,
        productId: usbId.optional(),
        serialNumber: z.string().min(1).optional(),
      })
      .optional(),
    baudRate: z.int().min(300).max(4_000_000).default(115_200),
    parity: z.enum(['none', 'even', 'odd']).default('none'),
    stopBits: z.union([z.literal(1), z.literal(2)], '1 or 2').default(1),
    flowControl: z
      .custom<'none' | 'rts-cts'>((value) => value === 'none' || value === 'rts-cts', notBinary)
      .default('none'),
    bus: busSettings
      .refine(
        ({ drops, scan, modbus }) => drops.length > 0 || scan !== undefined || modbus.length > 0,
        'drops, scan or modbus',
      )
      .superRefine(({ drops, modbus }, context) => {
        for (const [index, { address }] of modbus.entries()) {
          const isTwice = modbus.findIndex((other) => other.address === address) < index;
          if (!isTwice && !drops.includes(address)) continue;
          const message = `an address of its own: ${isTwice ? 'another meter' : 'drops'} has it too`;
          context.addIssue({ code: 'custom', path: ['modbus', index, 'address'], message });
        }
      })
      .optional(),
  })
  .refine(({ bus, flowControl }) => bus === undefined || flowControl === 'none', {
    path: ['flowControl'],
    message: 'none: a bus has no flow control',
  })
  .refine(
    ({ path, usb }) => (path === undefined) !== (usb === undefined),
    'either path or usb, to say which line',
  )
  .refine(
    ({ usb, bus }) =>
      usb === undefined || usb.serialNumber !== undefined || (bus?.modbus.length ?? 0) === 0,
    {
      path: ['usb', 'serialNumber'],
      message: 'the serial number of one adapter, or a path instead of usb: a meter is on one line',
    },
  );

export type LineSettings = z.output<typeof lineSettings>;

/** Two that name one path would be one line, with what the second says of it. */
export function noPathTwice(
  lines: readonly { path?: string | undefined }[],
  context: z.RefinementCtx,
): void {
  for (const [index, { path }] of lines.entries()) {
    const first = lines.findIndex((line) => line.path === path);
    if (path === undefined || first === index) continue;
    const message = `a path of its own: entry ${first} has it too; put all of one line in one entry`;
    context.addIssue({ code: 'custom', path: [index, 'path'], message });
  }
}
