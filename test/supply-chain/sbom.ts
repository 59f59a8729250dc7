// `npm run sbom`: what comes with Headwater, as a CycloneDX bill of materials of npm's own making, from the lock file alone: no network, nothing has
// to be installed, and every platform's packages are in it. What only its developers install is not.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { projectFolder } from '../kafka/jars.js';

export interface Bom {
  bomFormat: string;
  specVersion: string;
  serialNumber: string;
  metadata: { component: BomComponent };
  components: BomComponent[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

export interface BomComponent {
  'bom-ref': string;
  name: string;
  version: string;
  purl: string;
  hashes?: { alg: string; content: string }[];
  licenses?: { license?: { id?: string }; expression?: string }[];
}

const words = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'];
const bytesMax = 64 * 1024 * 1024;

/**
 * Of a copy of package.json and the lock file without what is for development: npm's own --omit=dev leaves out what a tool of
 * development needs as well (npm/cli#7909).
 */
export async function makeBom(): Promise<Bom> {
  const root = await mkdtemp(join(tmpdir(), 'headwater-sbom-'));
  try {
    // npm calls what it describes by its folder.
    const folder = join(root, 'headwater');
    await mkdir(folder);
    const { devDependencies, peerDependencies, peerDependenciesMeta, ...own } =
      await readJson<Manifest>('package.json');
    const lock = await readJson<{ packages: Record<string, Manifest> }>('package-lock.json');
    const packages = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
    const shipped = { ...Object.fromEntries(packages), '': own };
    await writeFile(join(folder, 'package.json'), JSON.stringify(own));
    await writeFile(
      join(folder, 'package-lock.json'),
      JSON.stringify({ ...lock, packages: shipped }),
    );
    const options = { cwd: folder, maxBuffer: bytesMax };
    const { stdout } = await promisify(execFile)('npm', words, options);
    return JSON.parse(stdout) as Bom;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

interface Manifest {
  dev?: boolean;
  devDependencies?: object;
  peerDependencies?: object;
  peerDependenciesMeta?: object;
}

async function readJson<Content>(name: string): Promise<Content> {
  return JSON.parse(await readFile(join(projectFolder, name), 'utf8')) as Content;
}

async function main([path = 'headwater.cdx.json']: string[]): Promise<void> {
  const bom = await makeBom();
  const file = resolve(path);
  await writeFile(file, `${JSON.stringify(bom, null, 2)}\n`);
  console.log(`${file}: CycloneDX ${bom.specVersion}, ${bom.components.length} packages`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(process.argv.slice(2));
}
