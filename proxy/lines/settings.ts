import { z } from 'zod';

// One serial line, or all that a USB rule matches, as site.yaml names it. Checked with the rest of the configuration.

const usbId = z
  .string()
  .regex(/^[0-9a-fA-F]{4}$/, 'four hex digits in quotes, as lsusb prints them ("10c4")')
  .transform((id) => id.toLowerCase());

const notBinary = 'none or rts-cts (not XON/XOFF: its two bytes occur in every frame)';

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
  })
  .refine(
    ({ path, usb }) => (path === undefined) !== (usb === undefined),
    'either path or usb, to say which line',
  );

export type LineSettings = z.output<typeof lineSettings>;
