/**
 * Compiles services, libs and deploy into dist/, unless nothing has changed since. A running network reads from dist/ too, so it is never emptied:
 * only what has no source any more is removed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Hezong needs Node 20.19 or later; this is ${process.version}.`);
  process.exit(1);
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const TREES = ['services', 'libs', 'deploy'];
process.chdir(ROOT);
if (!existsSync('node_modules/@swc/cli')) {
  console.error('Nothing is installed yet: run "npm ci" first.');
  process.exit(1);
}

function* files(directory, wanted) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* files(path, wanted);
    else if (wanted(entry.name)) yield path;
  }
}

const sources = TREES.filter((tree) => existsSync(tree)).flatMap((tree) => [
  ...files(tree, (name) => name.endsWith('.ts') && !name.endsWith('.d.ts')),
]);
const hash = createHash('sha256').update(readFileSync('.swcrc')).update(readFileSync('package-lock.json'));
for (const file of sources.sort()) {
  const { mtimeMs, size } = statSync(file);
  hash.update(`${file} ${mtimeMs} ${size}\n`);
}
const stamp = hash.digest('hex');
const stampFile = 'dist/.stamp';
const compiled = (source) => join('dist', source.replace(/\.ts$/, '.js'));

if (
  !existsSync(stampFile) ||
  readFileSync(stampFile, 'utf8') !== stamp ||
  !sources.every((source) => existsSync(compiled(source)))
) {
  mkdirSync('dist', { recursive: true });
  rmSync(stampFile, { force: true });
  const swc = spawnSync(process.execPath, ['node_modules/@swc/cli/bin/swc.js', ...TREES, '-d', 'dist', '--quiet'], {
    stdio: 'inherit',
  });
  if (swc.status !== 0) process.exit(swc.status ?? 1);
  const wanted = new Set(sources.map(compiled));
  for (const file of [...files('dist', (name) => /\.js(\.map)?$/.test(name))]) {
    if (wanted.has(file.replace(/\.map$/, ''))) continue;
    rmSync(file);
    for (let up = dirname(file); up !== 'dist' && readdirSync(up).length === 0; up = dirname(up)) rmdirSync(up);
  }
  writeFileSync(stampFile, stamp);
}
