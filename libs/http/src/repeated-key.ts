import { pointerOf } from './faults.js';

/** JSON's own tokens that matter here: texts, brackets and commas. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],]/gs;

interface Level {
  /** Keys seen, in an object; null in a list. */
  readonly keys: Set<string> | null;
  /** Where we are in it. */
  at: string;
  index: number;
  /** In an object: whether a text that comes now is a key. */
  keyNext: boolean;
}

/** JSON pointer of the first key that stands twice in one object; the empty pointer when none does. The text must be JSON. */
export function repeatedKey(json: string): string {
  const levels: Level[] = [];
  for (const [token] of json.matchAll(TOKENS)) {
    const level = levels.at(-1);
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
        if (level.keys.has(level.at)) {
          return levels.map(({ at }) => pointerOf(at)).join('');
        }
        level.keys.add(level.at);
    }
  }
  return '';
}
