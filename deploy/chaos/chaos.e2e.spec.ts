import { spawn, spawnSync } from 'node:child_process';

/** A short run of `npm run test:chaos`; what it prints when it fails says how to repeat it. */
it('loses and doubles nothing while servers and services are killed and connections are lost', async () => {
  const build = spawnSync(process.execPath, ['deploy/tools/build.mjs'], { encoding: 'utf8' });
  if (build.status !== 0) throw new Error(`the build fails: ${build.stdout}${build.stderr}`);
  const child = spawn(process.execPath, ['--enable-source-maps', 'dist/deploy/chaos/chaos.js', '--short'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const code = await new Promise<number | null>((end) => child.once('close', end));
  expect([code, output]).toEqual([0, expect.stringContaining('nothing lost, nothing doubled')]);
}, 510_000);
