/**
 * `npm run check`, `gen` and `check:gen`: runs their parts, two at a time where order doesn't matter, says how each went and
 * fails at the end naming what failed.
 */
import { spawn } from 'node:child_process';

// each of these reads what the one before it has written
const GENERATED = ['proto', 'errors', 'openapi', 'sdk', 'asyncapi', 'config', 'schema'];
const PARTS = {
  gen: { scripts: GENERATED.map((name) => `gen:${name}`), atOnce: 1 },
  'check:gen': { scripts: GENERATED.map((name) => `check:${name}`), atOnce: 2 },
  check: {
    // the longest first
    scripts: [
      'lint',
      'typecheck',
      'check:gen',
      'check:imports',
      'check:chart',
      'check:unused',
      'check:format',
      'check:help',
      'check:features',
      'check:translations',
    ],
    atOnce: 2,
  },
};

const { scripts, atOnce } = PARTS[process.argv[2]] ?? {};
if (scripts === undefined) {
  console.error(`usage: node deploy/tools/all.mjs ${Object.keys(PARTS).join(' | ')}`);
  process.exit(2);
}

function run(script) {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn('npm', ['run', '-s', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
    child.on('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${script} (${seconds} s)`);
      if (code !== 0) console.log(output.trimEnd().replaceAll(/^/gm, '       '));
      resolve(code === 0);
    });
  });
}

// the parts share one build; two at once would write the same files
if (!(await run('build'))) process.exit(1);
const failed = [];
const waiting = [...scripts];
async function worker() {
  for (let script = waiting.shift(); script !== undefined; script = waiting.shift()) {
    const good = await run(script);
    if (!good) failed.push(script);
    // what comes after would be made from something stale
    if (!good && atOnce === 1) waiting.length = 0;
  }
}
await Promise.all(Array.from({ length: atOnce }, worker));
if (failed.length > 0) {
  console.error(`failed: ${failed.map((script) => `npm run ${script}`).join(', ')}`);
  process.exit(1);
}
