import { spawnSync } from 'node:child_process';

/** Runs once before the first worker: specs run as compiled into dist/. */
export default function build() {
  const { status } = spawnSync(process.execPath, ['deploy/tools/build.mjs'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the sources do not compile');
}
