import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * A directory of the user's cache that `fetch` fills when `marker`, a path within it, is missing. The content is fetched to a temporary
 * place and renamed as a whole, so an interrupted or concurrent fetch never leaves a partial directory. Throws the errors of `fetch`.
 */
export async function fetchOnce(
  name: string,
  marker: string,
  fetch: (draft: string) => Promise<void>,
  cacheDir = join(homedir(), '.cache', 'hezong', name),
): Promise<string> {
  const isThere = (): boolean => existsSync(join(cacheDir, marker));
  if (isThere()) return cacheDir;
  mkdirSync(dirname(cacheDir), { recursive: true });
  const draft = `${cacheDir}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  try {
    await fetch(draft);
    if (!isThere()) {
      rmSync(cacheDir, { recursive: true, force: true });
      renameSync(draft, cacheDir);
    }
  } catch (error) {
    if (!isThere()) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return cacheDir;
}
