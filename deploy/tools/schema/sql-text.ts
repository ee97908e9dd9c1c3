export const WIDTH = 120;

/** SQL text split into quoted and unquoted parts; quoted parts stay unchanged. */
function outsideQuotes(sql: string, change: (part: string) => string): string {
  return sql.replaceAll(/('(?:[^']|'')*'|"(?:[^"]|"")*")|([^'"]+)/g, (whole, quoted?: string) =>
    quoted === undefined ? change(whole) : whole,
  );
}

const LITERAL = `'(?:[^']|'')*'`;

/** The catalogue's output in hand-written style: words in lower case, short names of types, `in` for a list. */
export function plain(sql: string): string {
  return outsideQuotes(sql, (part) =>
    part
      .toLowerCase()
      .replaceAll('timestamp with time zone', 'timestamptz')
      .replaceAll(' !~~ ', ' not like ')
      .replaceAll(' ~~ ', ' like ')
      .replaceAll(/\bnumeric\((\d+),(\d+)\)/g, 'numeric($1, $2)'),
  )
    .replaceAll(new RegExp(`(${LITERAL})::text\\b(?!\\[)`, 'g'), '$1')
    .replaceAll(new RegExp(` <> all \\(array\\[((?:${LITERAL}|\\w+|, )+)\\]\\)`, 'g'), ' not in ($1)')
    .replaceAll(new RegExp(` = any \\(array\\[((?:${LITERAL}|\\w+|, )+)\\]\\)`, 'g'), ' in ($1)');
}

const BEFORE =
  /^(and|or|where|with|using|check|when|then|else|end|for|execute|references|to|set|as|returns|default|deferrable)\b/;

/**
 * Breaks a statement that is too long for a line, at unquoted spaces: where the nesting is lowest, after a comma or before a word that
 * starts a clause. Lines after the first are indented by two.
 */
export function wrapped(sql: string, indent = ''): string {
  const words = sql.match(/(?:'(?:[^']|'')*'|"(?:[^"]|"")*"|[^\s'"])+/g) ?? [];
  const lines: string[] = [];
  let depth = 0;
  for (let start = 0; start < words.length;) {
    const room = WIDTH - indent.length - (lines.length === 0 ? 0 : 2);
    let length = 0;
    let end = start;
    let best = { after: start, cost: Infinity };
    for (; end < words.length; end += 1) {
      const word = words[end] ?? '';
      const next = words[end + 1];
      length += word.length + (end === start ? 0 : 1);
      if (length > room && end > start) break;
      depth += nesting(word);
      const cost = depth * 2 + (word.endsWith(',') || (next !== undefined && BEFORE.test(next)) ? 0 : 100);
      if ((length > room / 2 || end === start) && cost <= best.cost) best = { after: end, cost };
    }
    const last = end === words.length ? end - 1 : best.after;
    for (let undone = last + 1; undone < end; undone += 1) depth -= nesting(words[undone] ?? '');
    lines.push(words.slice(start, last + 1).join(' '));
    start = last + 1;
  }
  return lines.map((text, at) => `${indent}${at === 0 ? '' : '  '}${text}`).join('\n');
}

function nesting(word: string): number {
  const bare = word.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"/g, '');
  return (bare.match(/[([]/g) ?? []).length - (bare.match(/[)\]]/g) ?? []).length;
}

/** Removes the common margin of all lines except the first. */
export function dedented(text: string): string {
  const [first = '', ...rest] = text.split('\n');
  const margins = rest.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)?.[0].length ?? 0);
  const margin = Math.min(...margins);
  return [first, ...rest.map((line) => (line.trim() === '' ? '' : line.slice(margin)))].join('\n');
}
