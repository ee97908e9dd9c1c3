import { transformFile } from '@swc/core';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

/**
 * Compiles one source below `root` into its dist/, as `npm run build` does; removes the compiled file of a deleted source.
 * Returns whether the code has changed.
 * @throws Error with swc's description when the source has a syntax error; the compiled file stays unchanged
 */
export async function compile(root: string, file: string): Promise<boolean> {
  const source = join(root, file);
  const target = join(root, 'dist', file.replace(/\.ts$/, '.js'));
  const before = existsSync(target) ? readFileSync(target, 'utf8') : null;
  if (!existsSync(source)) {
    for (const gone of [target, `${target}.map`]) rmSync(gone, { force: true });
    return before !== null;
  }
  const { code, map } = await transformFile(source, {
    configFile: join(root, '.swcrc'),
    sourceFileName: relative(dirname(target), source),
  });
  const text = `${code}\n//# sourceMappingURL=${basename(target)}.map`;
  mkdirSync(dirname(target), { recursive: true });
  if (map !== undefined) writeFileSync(`${target}.map`, map);
  if (text === before) return false;
  writeFileSync(target, text);
  return true;
}

/** The first lines of a compiler's message: file, line and error, without colours. */
export function shortOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);

  const lines = text.replace(/\u001b\[[0-9;]*m/g, '').split('\n');
  const end = lines.findIndex((line, at) => at > 0 && line.trim() === '');
  return lines.slice(0, end === -1 ? 12 : Math.min(end, 12)).join('\n');
}
