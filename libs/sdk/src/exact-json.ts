const MARK = '\u{f8ff}integer:';
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Parses JSON; integers beyond ±(2^53 − 1) become bigints, all others numbers: sums over an alliance may be that large. */
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
