import { format } from 'prettier';
import { errorCodes, errorIndex, errorPage } from '../../services/gateway/src/docs/error-page.js';
import { writeOrCheck } from './generated.js';

/** Writes docs/errors from the catalogue; with --check it only compares and fails on drift. */
const FOLDER = 'docs/errors';

const wanted = new Map<string, string>();
for (const [name, text] of [
  ['README.md', errorIndex()] as const,
  ...errorCodes().map((code) => [`${code}.md`, errorPage(code)] as const),
]) {
  wanted.set(`${FOLDER}/${name}`, await format(text, { parser: 'markdown', printWidth: 120 }));
}
await writeOrCheck('gen:errors', wanted, [FOLDER]);
