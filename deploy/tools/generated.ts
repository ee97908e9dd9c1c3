import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Texts of all files below a folder, by their paths in it; none if there is no such folder. */
export async function textsIn(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const),
  );
  return new Map(texts);
}

/**
 * Writes generated files, texts by path, and removes all others from the folders that contain nothing else. With `--check` it only compares,
 * and fails on drift.
 * @param script the npm script that writes them
 */
export async function writeOrCheck(
  script: string,
  wanted: ReadonlyMap<string, string>,
  folders: readonly string[] = [],
): Promise<void> {
  const found = new Map<string, string>();
  for (const folder of folders) for (const [name, text] of await textsIn(folder)) found.set(`${folder}/${name}`, text);
  for (const file of wanted.keys()) if (!found.has(file)) found.set(file, await readFile(file, 'utf8').catch(() => ''));
  const stale = [...found.keys()].filter((file) => found.get(file) !== wanted.get(file));
  if (!process.argv.includes('--check')) {
    for (const file of stale) {
      const text = wanted.get(file);
      await mkdir(dirname(file), { recursive: true });
      await (text === undefined ? rm(file) : writeFile(file, text));
    }
  } else if (stale.length > 0) {
    console.error(`out of date: ${stale.join(', ')}; run npm run ${script}`);
    process.exitCode = 1;
  }
}
