/** Prefix of the intermediate text for a bigint; external input cannot contain it. */
const MARK = `${globalThis.crypto.randomUUID()}:`;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JSON as JSON.stringify writes it, with bigints as integer literals, exact at any size. */
export function exactJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  // only values with bigints reach this line
  const marked = JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'bigint' ? `${MARK}${member}` : member,
  );
  return marked.replaceAll(new RegExp(`"${MARK}(-?\\d+)"`, 'g'), '$1');
}

/** Parses JSON; integers beyond ±(2^53 − 1) become bigints, all others numbers. */
export function parseExactJson(text: string): unknown {
  // a shorter text contains no such integer
  if (!/\d{16}/.test(text)) return JSON.parse(text) as unknown;
  const marked = text.replaceAll(TOKEN, (token) =>
    /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${MARK}${token}"` : token,
  );
  return JSON.parse(marked, (_, member: unknown) =>
    typeof member === 'string' && member.startsWith(MARK) ? BigInt(member.slice(MARK.length)) : member,
  ) as unknown;
}
