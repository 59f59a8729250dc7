// Loaded into the built proxy before anything else (`node --import`): writes or fsyncs of its segments fail for as long
// as the file CHAOS_DISK_ORDER says so, with `<write|sync> <code>`. Errors that no disk here gives.

import { promises, readFileSync } from 'node:fs';

const order = process.env.CHAOS_DISK_ORDER;

function refuse(call: 'write' | 'sync'): void {
  const [refused, code] = orderNow().split(' ');
  if (refused !== call) return;
  const message = `${code}: refused by the chaos of this test, ${call}`;
  throw Object.assign(new Error(message), { code });
}

function orderNow(): string {
  try {
    return readFileSync(order!, 'utf8');
  } catch {
    return '';
  }
}

if (order !== undefined) {
  const { open } = promises;
  promises.open = async (file, flags, mode) => {
    const handle = await open(file, flags, mode);
    if (!String(file).endsWith('.segment') || flags === 'r') return handle;
    const { write, datasync } = handle;
    handle.write = (async (...words: Parameters<typeof write>) => {
      refuse('write');
      return write.apply(handle, words);
    }) as typeof write;
    handle.datasync = async () => {
      await datasync.call(handle);
      // Behind it: what a failed fsync leaves may well read back.
      refuse('sync');
    };
    return handle;
  };
}
