/**
 * `npm run check:translations`: every section of an English document has its counterpart in the Chinese one, in the same order,
 * made from the text as it is now, with the same code. `-- --accept FILE` notes that the Chinese of FILE says what the English
 * says now.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const DOCUMENTS = ['README.md', 'docs/partner-guide.md', 'docs/operator-guide.md', 'docs/member-guide.md'];
const MARK = /^<!-- en: (\w*) -->$/;
const FENCED = /^ *```(\w*)\n(.*?)^ *```$/gms;
const COMMENT = /(^|\s+)(#|\/\/) .*$/gm;

function sectionsOf(file) {
  const sections = [];
  let fenced = false;
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
    if (/^ *```/.test(line)) fenced = !fenced;
    if (!fenced && /^#+ /.test(line)) sections.push({ heading: line, lines: [], madeFrom: '' });
    else if (MARK.test(line)) sections.at(-1).madeFrom = MARK.exec(line)[1];
    else sections.at(-1)?.lines.push(line);
  }
  return sections.map((section) => {
    const body = section.lines.join('\n').trim();
    // neither line breaks nor the widths of a table's columns are a change
    const text = `${section.heading} ${body}`.replaceAll(/-{3,}/g, '---').replaceAll(/\s+/g, ' ').trim();
    const prose = body.replaceAll(FENCED, '').replaceAll(/\s+/g, ' ');
    // a block without a language is a drawing
    const code = [...body.matchAll(FENCED)].filter(([, language]) => language !== '');
    return {
      ...section,
      body,
      place: /^#+ (\d+\.)?/.exec(section.heading)[0],
      hash: createHash('sha256').update(text).digest('hex').slice(0, 8),
      code: code.map(([, language, lines]) => `${language}\n${lines.replaceAll(COMMENT, '')}`).join(),
      names: prose.match(/`[^`]+`/g) ?? [],
    };
  });
}

function faultsOf(english, chinese) {
  const uneven = english.length !== chinese.length;
  const differs = ({ place, hash }, at) => chinese[at]?.place !== place || (uneven && chinese[at].madeFrom !== hash);
  const first = [...english, {}].findIndex(differs);
  const there = (sections) => sections[first]?.heading ?? 'nothing';
  if (first >= 0) return [`has "${there(chinese)}" in the place of "${there(english)}"`];
  return english.flatMap(({ heading, hash, code, names }, at) => {
    const made = chinese[at];
    const faults = [];
    if (made.madeFrom !== hash) faults.push(`"${made.heading}": "${heading}" has changed since`);
    if (made.code !== code) faults.push(`"${made.heading}" has other code than "${heading}"`);
    const odd = [
      ...names.filter((name) => !made.names.includes(name)),
      ...made.names.filter((name) => !names.includes(name)),
    ];
    if (odd.length > 0) faults.push(`"${made.heading}": only in one of the two: ${odd.join(', ')}`);
    return faults;
  });
}

const [flag, ...accepted] = process.argv.slice(2);
for (const document of DOCUMENTS) {
  const translation = document.replace(/\.md$/, '.zh-CN.md');
  const english = sectionsOf(document);
  let chinese = sectionsOf(translation);
  if (flag === '--accept' && accepted.includes(document) && chinese.length === english.length) {
    const marked = chinese.map(
      ({ heading, body }, at) => `${heading}\n\n<!-- en: ${english[at].hash} -->\n\n${body}\n`,
    );
    writeFileSync(translation, marked.join('\n'));
    chinese = sectionsOf(translation);
  }
  for (const fault of faultsOf(english, chinese)) {
    console.error(`${translation}: ${fault}`);
    process.exitCode = 1;
  }
}
if (!process.exitCode) console.log(`${DOCUMENTS.length} documents are in step with their translations`);
