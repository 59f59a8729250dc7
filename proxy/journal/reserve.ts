import type { Disk } from '../disk.js';

// Room that is the journal's already: one segment of zeros ([J-11]). Where others have filled the disk it is
// given up for the checkpoint, without which nothing could be deleted. Outside the cap of the segments.

export const reserveName = 'reserve';

export class Reserve {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #bytes: number;
  #isHeld = false;

  constructor(place: { disk: Disk; folder: string }, bytes: number) {
    this.#disk = place.disk;
    this.#folder = place.folder;
    this.#bytes = bytes;
  }

  /** Takes it while the disk has twice as much; a disk that refuses is asked again another time. */
  async make(): Promise<void> {
    if (this.#isHeld) return;
    try {
      this.#isHeld = await this.#take();
    } catch {
      await this.#remove().catch(() => {});
    }
  }

  /** False where there was none. */
  async giveUp(): Promise<boolean> {
    this.#isHeld = false;
    const names = await this.#disk.list(this.#folder);
    if (!names.includes(reserveName)) return false;
    await this.#remove();
    return true;
  }

  async #take(): Promise<boolean> {
    const path = `${this.#folder}/${reserveName}`;
    if ((await this.#disk.list(this.#folder)).includes(reserveName)) {
      const file = await this.#disk.open(path, 'read');
      const size = await file.size().finally(() => file.close());
      if (size >= this.#bytes) return true;
      // A process before was killed while it made it, or segments were smaller.
      await this.#remove();
    }
    if ((await this.#disk.freeBytes(this.#folder)) < 2 * this.#bytes) return false;
    const file = await this.#disk.create(path);
    try {
      await file.allocate(this.#bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.syncFolder(this.#folder);
    return true;
  }

  async #remove(): Promise<void> {
    await this.#disk.remove(`${this.#folder}/${reserveName}`);
    await this.#disk.syncFolder(this.#folder);
  }
}
