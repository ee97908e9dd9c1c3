import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DockerfileParser } from 'dockerfile-ast';
import { projectRoot } from '../local/network/root.js';

export interface ImageFile {
  /** Arguments with their defaults before the first FROM. */
  args: Record<string, string>;
  /** Names of the stages; the last is the image. */
  stages: string[];
  instructions: { keyword: string; words: string[] }[];
}

export function readDockerfile(): ImageFile {
  const text = readFileSync(join(projectRoot(), 'deploy/docker/Dockerfile'), 'utf8');
  const all = DockerfileParser.parse(text)
    .getInstructions()
    .map((instruction) => ({
      keyword: instruction.getKeyword(),
      words: instruction.getRawArgumentsContent()?.trim().split(/\s+/) ?? [],
    }));
  const froms = all
    .map((instruction, index) => ({ ...instruction, index }))
    .filter(({ keyword }) => keyword === 'FROM');
  const first = froms[0]?.index ?? all.length;
  const args = all.slice(0, first).map(({ words }) => (words[0] ?? '').split('=') as [string, string]);
  return {
    args: Object.fromEntries(args),
    stages: froms.map(({ words }) => words[2] ?? ''),
    instructions: all.slice((froms.at(-1)?.index ?? 0) + 1),
  };
}

/**
 * Creates a directory with the contents of the image: the files copied by its last stage, and only the packages that
 * `npm ci --omit=dev --omit=optional` installs. A file missing here would be missing in the image.
 */
export function assembleImage(image: ImageFile): string {
  const root = projectRoot();
  const directory = mkdtempSync(join(tmpdir(), 'hezong-image-'));
  for (const { keyword, words } of image.instructions) {
    if (keyword !== 'COPY') continue;
    const [source = '', target = ''] = words.filter((word) => !word.startsWith('--'));
    const path = source.replace(/^\/app\//, '');
    mkdirSync(dirname(join(directory, target)), { recursive: true });
    if (path === 'node_modules') linkPackages(root, join(directory, target));
    else cpSync(join(root, path), join(directory, target), { recursive: true });
  }
  return directory;
}

interface Lock {
  packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean; peer?: boolean }>;
}

function linkPackages(root: string, target: string): void {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  for (const [path, { dev, optional, devOptional }] of Object.entries(lock.packages)) {
    const name = path.replace(/^node_modules\//, '');
    // packages nested in another package are resolved from there
    if (
      !path.startsWith('node_modules/') ||
      name.includes('/node_modules/') ||
      dev === true ||
      optional === true ||
      devOptional === true
    )
      continue;
    mkdirSync(dirname(join(target, name)), { recursive: true });
    symlinkSync(join(root, path), join(target, name));
  }
}
