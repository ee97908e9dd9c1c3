import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly code: Promise<number | null>;
}

const running: ChildProcess[] = [];

function chaos(...args: string[]): Run {
  const child = spawn(process.execPath, ['--enable-source-maps', 'dist/deploy/chaos/chaos.js', '--short', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  return { child, output: () => output, code: new Promise((ended) => child.once('close', ended)) };
}

/** Command lines of processes in the directory of a chaos run, except those that delete it. */
function left(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        return [];
      }
    })
    .filter((line) => line.includes(directory) && !line.startsWith('rm '));
}

const directories = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('hezong-chaos-'));

afterAll(() => {
  for (const child of running) if (child.exitCode === null) child.kill('SIGTERM');
});

it('loses and duplicates nothing while servers and services are killed and connections are lost', async () => {
  const run = chaos();
  const code = await run.code;
  expect([code, run.output()]).toEqual([0, expect.stringContaining('nothing lost, nothing duplicated')]);
}, 255_000);

it('ends at its limit or on a signal, at any stage, and leaves nothing behind', async () => {
  const before = new Set(directories());
  const late = chaos('--limit', '4', '--seed', '7');
  const told = chaos('--seed', '8');
  const seen: string[] = [];
  for (; told.child.exitCode === null && !(seen.length === 2 && seen.flatMap(left).length > 0); await sleep(50))
    seen.push(...directories().filter((name) => !before.has(name) && !seen.includes(name)));
  told.child.kill('SIGTERM');
  const ended = performance.now();
  expect(await told.code).toBe(143);
  expect(await late.code).toBe(1);
  expect(performance.now() - ended).toBeLessThan(14_000);
  expect(late.output()).toContain('it took longer than 4 s');
  expect(late.output()).toContain('npm run test:chaos -- --seed 7 --short');
  expect(seen.flatMap(left)).toEqual([]);
  while (directories().some((name) => seen.includes(name))) await sleep(50);
}, 60_000);
