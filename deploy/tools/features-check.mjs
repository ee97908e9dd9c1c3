/** `npm run check:features`: docs/features.md has every row once, in order, with a known status and nothing but paths that exist. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROWS = 120;
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const text = readFileSync(join(root, 'docs/features.md'), 'utf8');

const faults = [];
const counts = { done: 0, partial: 0, none: 0 };
const pathsIn = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, path]) => path);
let last = 0;
for (const line of text.split('\n')) {
  const cells = line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
  if (!/^\d+$/.test(cells[0] ?? '')) continue;
  const [number, name, status, where, proof] = cells;
  if (Number(number) !== last + 1) faults.push(`row ${number} comes after row ${last}`);
  last = Number(number);
  if (cells.length !== 6 || name === '') faults.push(`row ${number} does not have six cells and a name`);
  if (!(status in counts)) faults.push(`row ${number}: ${status} is not a status`);
  else counts[status] += 1;
  for (const path of [...pathsIn(where), ...pathsIn(proof)]) {
    if (!existsSync(join(root, path))) faults.push(`row ${number}: there is no ${path}`);
  }
  const specs = pathsIn(proof);
  if (specs.some((path) => !path.endsWith('.spec.ts'))) faults.push(`row ${number}: the proof must be a spec file`);
  if (status === 'none' ? specs.length > 0 : specs.length === 0)
    faults.push(`row ${number}: ${status} with ${specs.length} spec files`);
  if (status === 'partial' && cells[5] === '') faults.push(`row ${number}: partial, but does not say what is missing`);
}
if (last !== ROWS) faults.push(`the last row is ${last}, not ${ROWS}`);

const told = /(\d+) done, (\d+) partial, (\d+) none/.exec(text)?.slice(1).map(Number) ?? [];
if (told.join() !== Object.values(counts).join())
  faults.push(`the text counts ${told.join('/')}, the table ${Object.values(counts).join('/')}`);

for (const fault of faults) console.error(`docs/features.md: ${fault}`);
if (faults.length === 0)
  console.log(`${ROWS} rows: ${counts.done} done, ${counts.partial} partial, ${counts.none} none`);
process.exit(faults.length === 0 ? 0 : 1);
