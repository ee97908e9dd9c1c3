import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { format } from 'prettier';
import { errorCodes, errorIndex, errorPage } from '../../services/gateway/src/docs/error-page.js';

/** Writes docs/errors from the catalogue; with --check it only compares and fails on drift. */
const FOLDER = 'docs/errors';

const wanted = new Map<string, string>();
for (const [name, text] of [
  ['README.md', errorIndex()] as const,
  ...errorCodes().map((code) => [`${code}.md`, errorPage(code)] as const),
]) {
  wanted.set(name, await format(text, { parser: 'markdown', printWidth: 120 }));
}

const present = await readdir(FOLDER).catch(() => []);
const surplus = present.filter((name) => !wanted.has(name));
if (process.argv.includes('--check')) {
  const stale = [...surplus];
  for (const [name, text] of wanted) {
    if ((await readFile(`${FOLDER}/${name}`, 'utf8').catch(() => '')) !== text) stale.push(name);
  }
  if (stale.length > 0) {
    console.error(`${FOLDER} is out of date (${stale.join(', ')}): run npm run gen:errors`);
    process.exitCode = 1;
  }
} else {
  await mkdir(FOLDER, { recursive: true });
  for (const name of surplus) await rm(`${FOLDER}/${name}`);
  for (const [name, text] of wanted) await writeFile(`${FOLDER}/${name}`, text);
}
