/** Begins what stands for a bigint in between; nobody outside can write it. */
const MARK = `${globalThis.crypto.randomUUID()}:`;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JSON as JSON.stringify writes it, with bigints as integer literals, exact whatever their size. */
export function exactJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  // only what has bigints comes here
  const marked = JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'bigint' ? `${MARK}${member}` : member,
  );
  return marked.replaceAll(new RegExp(`"${MARK}(-?\\d+)"`, 'g'), '$1');
}

/** The reverse: integers beyond ±(2^53 − 1) are read as bigints, all others as numbers. */
export function parseExactJson(text: string): unknown {
  // nothing shorter is too large
  if (!/\d{16}/.test(text)) return JSON.parse(text) as unknown;
  const marked = text.replaceAll(TOKEN, (token) =>
    /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${MARK}${token}"` : token,
  );
  return JSON.parse(marked, (_, member: unknown) =>
    typeof member === 'string' && member.startsWith(MARK) ? BigInt(member.slice(MARK.length)) : member,
  ) as unknown;
}
