import { pointerOf } from './faults.js';

/** The relevant JSON tokens: strings, numbers, brackets and commas. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[-\d][-+.\deE]*|[{}[\],]/gs;

interface Level {
  /** Keys seen so far in an object; null in a list. */
  readonly keys: Set<string> | null;
  /** Current key or index. */
  at: string;
  index: number;
  /** In an object: whether the next string is a key. */
  keyNext: boolean;
}

/** JSON pointer of the first duplicate key in an object; the empty pointer when there is none. The text must be valid JSON. */
export function repeatedKey(json: string): string {
  return pointerOfFirst(json, (_, isRepeated) => isRepeated);
}

/** JSON pointer of the first number that `isReadExactly` rejects; the empty pointer when there is none. The text must be valid JSON. */
export function inexactNumber(json: string): string {
  return pointerOfFirst(json, (token) => /^[-\d]/.test(token) && !isReadExactly(token));
}

/**
 * Whether a JSON number that parses to a whole number means exactly that number: true for `1e2` (100), false for
 * `1.0000000000000000001` (1) and `9007199254740993` (9007199254740992). Fractions never parse to whole numbers.
 */
export function isReadExactly(text: string): boolean {
  const number = Number(text);
  return !Number.isInteger(number) || normal(text) === normal(String(number));
}

/** Digits without leading and trailing zeros, and their power of ten; no digits for zero. */
function normal(text: string): string {
  const [, whole = '', part = '', power = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text) ?? [];
  const digits = whole + part;
  let [first, end] = [0, digits.length];
  while (digits[first] === '0') first += 1;
  while (end > first && digits[end - 1] === '0') end -= 1;
  return first === end ? '' : `${digits.slice(first, end)}e${Number(power) - part.length + digits.length - end}`;
}

function pointerOfFirst(json: string, isSought: (token: string, isRepeated: boolean) => boolean): string {
  const levels: Level[] = [];
  for (const [token] of json.matchAll(TOKENS)) {
    const level = levels.at(-1);
    let isRepeated = false;
    switch (token) {
      case '{':
        levels.push({ keys: new Set(), at: '', index: 0, keyNext: true });
        break;
      case '[':
        levels.push({ keys: null, at: '0', index: 0, keyNext: false });
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (level === undefined) break;
        if (level.keys === null) level.at = String((level.index += 1));
        else level.keyNext = true;
        break;
      default:
        if (level?.keyNext !== true || level.keys === null) break;
        level.keyNext = false;
        level.at = String(JSON.parse(token));
        isRepeated = level.keys.has(level.at);
        level.keys.add(level.at);
    }
    if (isSought(token, isRepeated)) return levels.map(({ at }) => pointerOf(at)).join('');
  }
  return '';
}
