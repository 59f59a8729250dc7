// `headwater journal verify`: is every byte of the journal as it was written, and would a proxy start on it? Reads beside a running proxy and changes nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import { nodeDisk } from '../disk-node.js';
import { type Audit, auditJournal, type Finding } from '../journal/audit.js';
import type { Range } from '../journal/audit-places.js';
import {
  countText,
  journalFolder,
  noJournal,
  print,
  refusal,
  sizeText,
} from './offline-journal.js';

const progressEveryMs = 2_000;
const slotPauseMs = 150;

export interface VerifyOptions {
  config: string;
  json?: boolean;
}

/** Answers the exit code: 0 whole, 1 damaged or refused by a proxy, 2 wrong use or nothing that can be read. */
export async function verifyCommand(options: VerifyOptions): Promise<number> {
  const began = performance.now();
  try {
    const folder = await journalFolder(options.config);
    const audit = await auditJournal({
      ...{ folder, disk: nodeDisk(), onProgress: progress(began) },
      pause: () => sleep(slotPauseMs),
    });
    if (audit === null) throw noJournal(folder);
    const isWhole = audit.findings.length === 0 && audit.refusal === null;
    const seconds = Number(((performance.now() - began) / 1000).toFixed(2));
    if (options.json === true) {
      await print(JSON.stringify({ whole: isWhole, folder, seconds, ...audit }));
    } else {
      for (const line of lines(folder, audit, seconds)) if (!(await print(line))) break;
    }
    return isWhole ? 0 : 1;
  } catch (error) {
    return refusal(error);
  }
}

function progress(began: number): (bytes: number, ofBytes: number) => void {
  let saidMs = began;
  return (bytes, ofBytes) => {
    if (performance.now() - saidMs < progressEveryMs) return;
    saidMs = performance.now();
    const rate = bytes / ((saidMs - began) / 1000);
    const left = Math.ceil((ofBytes - bytes) / rate);
    const of = `${sizeText(bytes)} of ${sizeText(ofBytes)}`;
    process.stderr.write(`${of}, ${sizeText(rate)}/s, ${left} s to go\n`);
  };
}

function* lines(folder: string, audit: Audit, seconds: number): Generator<string> {
  const { journal, segments, checkpoints, findings, lost, records, events, refusal } = audit;
  const told = new Set<Range>();
  for (const finding of findings) {
    yield findingText(finding);
    // The damage right before the record that tells it, or around it.
    for (const range of lost) {
      const isOfThis = findings.findLast(({ offset }) => offset <= range.offset) === finding;
      if (!isOfThis) continue;
      told.add(range);
      yield `  lost: ${rangeText(range)}`;
    }
  }
  for (const range of lost) if (!told.has(range)) yield `lost: ${rangeText(range)}`;
  const all = Object.values(records).reduce((sum, count) => sum + count);
  const kinds = Object.entries(records)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
  const readable = checkpoints.filter(({ state }) => state === 'newest' || state === 'older');
  yield `${folder}: journal ${journal}`;
  yield `  ${countText(segments.length, 'segment')}, offsets ${audit.begin} to ${audit.end} (${sizeText(audit.end - audit.begin)})`;
  yield `  ${countText(all, 'record')}${kinds === '' ? '' : ` (${kinds})`}, ${countText(events, 'event')}`;
  yield `  ${readable.length} of 2 checkpoints`;
  if (audit.tailBytes > 0) {
    yield `  ${sizeText(audit.tailBytes)} behind the last group: being written, or torn by a crash; not acknowledged`;
  }
  if (refusal !== null) yield `refused: a proxy does not start on it: ${refusal}`;
  if (findings.length === 0) {
    const records = 'every record that is there is as it was written';
    yield refusal === null ? `whole (${seconds} s)` : `REFUSED: ${records} (${seconds} s)`;
    return;
  }
  const lostEvents = lost.reduce((sum, { from, to }) => sum + (to - (from ?? to)), 0);
  const more = lost.some(({ from }) => from === null) ? ' and more' : '';
  yield `DAMAGED: ${countText(findings.length, 'finding')}, ${countText(lostEvents, 'event')}${more} known to be lost (${seconds} s)`;
}

function findingText({ file, what, offset, end, holds, text }: Finding): string {
  const stretch = `${file}, offset ${offset} to ${end}`;
  switch (what) {
    case 'record': {
      const first = holds === undefined ? '' : `, a ${holds} record first`;
      return `damaged: ${stretch} (${countText(end - offset, 'byte')}${first})`;
    }
    case 'segment-header':
      return `damaged: ${file}: a bit of its header is flipped; nothing is lost`;
    case 'checkpoint':
      return `damaged: ${file}: it can't be read, or a crash tore it; the other one is used, nothing is lost`;
    case 'missing':
      return `missing: ${stretch} (${countText(end - offset, 'byte')}): put the file back from a copy, a proxy does not start`;
    case 'unreadable':
      return `unreadable: ${end === 0 ? file : stretch}: ${text}`;
    case 'gap':
      return `gap: ${stretch}: ${text}`;
    case 'position':
      return `damaged: ${stretch}: ${text}`;
  }
}

function rangeText({ device, boot, from, to }: Range): string {
  const where = `${device}, boot ${boot}`;
  return from === null
    ? `${where}, up to seq ${to - 1}, from where is not known`
    : `${where}, seq ${from} to ${to - 1} (${countText(to - from, 'event')})`;
}
