import { watch as watchFiles } from 'node:fs';
import { join, sep } from 'node:path';
import { compile, shortOf } from './compile.js';
import { restartOf, restartsOf } from './restarts.js';

/** Editors write a file in several steps, and several files at a time. */
const CALM_MS = 60;

export interface Watched {
  root: string;
  services: readonly string[];
  restart: (names: readonly string[]) => Promise<void>;
  print: (text: string) => void;
}

/** Compiles changed files and restarts the services that use them, until the returned function is called. */
export function watch({ root, services, restart, print }: Watched): () => void {
  const changed = new Set<string>();
  let calm: NodeJS.Timeout | undefined;
  let working = false;

  const work = async (): Promise<void> => {
    if (working || changed.size === 0) return;
    working = true;
    const began = performance.now();
    const files = [...changed];
    changed.clear();
    const compiled: string[] = [];
    for (const file of files) {
      try {
        if (await compile(root, file)) compiled.push(file);
      } catch (error) {
        print(`\n  ✗ ${file} does not compile; the old version keeps running\n\n${shortOf(error)}\n`);
      }
    }
    const { services: names, network } = restartsOf(compiled, services);
    if (network) print(`  ${compiled.join(', ')}: Ctrl-C and "npm run dev" take it up`);
    if (names.length > 0) {
      try {
        await restart(names);
        const what = names.length === services.length ? 'all services' : names.join(', ');
        print(`  ${what}: open again ${((performance.now() - began + CALM_MS) / 1_000).toFixed(1)} s after the save`);
      } catch (error) {
        print(`\n  ✗ ${names.join(', ')}: ${shortOf(error)}\n`);
      }
    }
    working = false;
    await work();
  };

  const watchers = ['services', 'libs', 'deploy'].map((tree) =>
    watchFiles(join(root, tree), { recursive: true }, (_event, name) => {
      if (name === null) return;
      const file = join(tree, name).split(sep).join('/');
      if (restartOf(file).kind === 'nothing') return;
      changed.add(file);
      clearTimeout(calm);
      calm = setTimeout(() => void work(), CALM_MS);
    }),
  );
  return () => {
    clearTimeout(calm);
    for (const watcher of watchers) watcher.close();
  };
}
