import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the repository (or image) that contains this file, whether it runs from dist or from source. */
export function projectRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) || !existsSync(join(directory, 'deploy'))) {
    const up = dirname(directory);
    if (up === directory) throw new Error('no package.json above the running file');
    directory = up;
  }
  return directory;
}

/** For `NODE_COMPILE_CACHE` of processes that tests start repeatedly: it halves the time to load their modules. */
export function compileCache(): string {
  return join(projectRoot(), 'node_modules', '.cache', 'compiled');
}
