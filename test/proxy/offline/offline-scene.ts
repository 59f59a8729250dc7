import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeDisk } from '../../../proxy/disk-node.js';
import type { Journal, JournalOptions } from '../../../proxy/journal/journal.js';
import type { Located } from '../../../proxy/journal/record.js';
import { block, openReal, positionOf, readAll, settled } from '../journal/records.js';

// A site's folder with a real journal, and the built command beside it.

const command = fileURLToPath(new URL('../../../headwater.js', import.meta.url));

const siteText = `site: press-hall
journal:
  folder: ./journal
listen: {tcp: {host: 127.0.0.1, port: 0, auth: none}}
http: {host: 127.0.0.1, port: 0}
`;

export interface Said {
  code: number;
  out: string;
  error: string;
}

export class OfflineScene {
  readonly root: string;
  readonly folder: string;
  readonly config: string;

  private constructor(root: string) {
    this.root = root;
    this.folder = join(root, 'journal');
    this.config = join(root, 'site.yaml');
  }

  static async begin(): Promise<OfflineScene> {
    const scene = new OfflineScene(await mkdtemp(join(tmpdir(), 'headwater-offline-')));
    await writeFile(scene.config, siteText);
    return scene;
  }

  async end(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }

  /** A section `kafka`; nothing listens there. */
  async withKafka(): Promise<void> {
    await writeFile(this.config, `${siteText}kafka: {brokers: ['127.0.0.1:1']}\n`);
  }

  /** `headwater journal …` */
  run(...flags: string[]): Promise<Said> {
    return this.headwater('journal', ...flags);
  }

  headwater(...words: string[]): Promise<Said> {
    const all = [command, ...words, '--config', this.config];
    return new Promise((resolve) => {
      execFile(process.execPath, all, (failure, out, error) => {
        resolve({ code: Number(failure?.code ?? 0), out, error });
      });
    });
  }

  open(more: Partial<JournalOptions> = {}): Promise<Journal> {
    // A confirmation waits for company, so that nothing is written while a test looks.
    return openReal(this.folder, { segmentBytes: 1_200, confirmDelayMs: 3_600_000, ...more });
  }

  /** Two devices in turn, eight events each, over some segments; Kafka has the first two records. */
  async filled(more: Partial<JournalOptions> = {}): Promise<{ journal: Journal; all: Located[] }> {
    const journal = await this.open(more);
    journal.append({ kind: 'table', device: 'kiln', id: '11'.repeat(8), bytes: new Uint8Array(3) });
    for (let event = 0; event < 8; event++) {
      for (const device of ['press-07', 'kiln']) {
        journal.append(block(device, event, 1, 60));
        await settled(journal);
      }
    }
    const all = await readAll(nodeDisk(), this.folder, journal.syncedEnd);
    journal.confirm(positionOf(journal, all[1]!), [['press-07', 1]]);
    return { journal, all };
  }

  /** Flips a bit in the payload of the record at this offset. */
  async flip(offset: number): Promise<void> {
    const { path, start } = await this.segmentOf(offset);
    const bytes = await readFile(path);
    bytes[offset - start + 30]! ^= 4;
    await writeFile(path, bytes);
  }

  async segmentOf(offset: number): Promise<{ path: string; start: number }> {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.segment')).sort();
    const starts = names.map((name) => Number.parseInt(name.slice(0, 16), 16));
    const at = starts.findLastIndex((start) => start <= offset);
    return { path: join(this.folder, names[at]!), start: starts[at]! };
  }

  /** Names and bytes of the folder; a lock's name is a socket. */
  async digest(): Promise<string> {
    const rows: string[] = [];
    for (const name of (await readdir(this.folder)).sort()) {
      const isLock = name.startsWith('lock.');
      const bytes = isLock ? Buffer.alloc(0) : await readFile(join(this.folder, name));
      rows.push(`${name} ${createHash('sha256').update(bytes).digest('hex')}`);
    }
    return rows.join('\n');
  }
}
