import { Field } from '#libs/http';
import type { FieldOptions } from '#libs/http';

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,39}$/;
const MOST = 20;
const LONGEST = 200;
const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

function explain(value: unknown, clearable: boolean): { code: string; detail: string } | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { code: 'not_an_object', detail: 'Must be an object of strings.' };
  }
  const entries = Object.entries(value);
  if (entries.length > MOST) return { code: 'too_many', detail: `At most ${MOST} attributes are allowed.` };
  for (const [name, text] of entries) {
    if (!NAME.test(name)) {
      return {
        code: 'malformed',
        detail: 'A name is a letter followed by up to 39 letters, digits, dots, dashes or underscores.',
      };
    }
    if (clearable && text === null) continue;
    if (typeof text !== 'string' || text.length > LONGEST || UNSAFE.test(text)) {
      return { code: 'not_a_text', detail: `Each value must be a string of at most ${LONGEST} characters.` };
    }
  }
  return null;
}

/** The brand's own attributes of a member: a flat object of texts. `clearable` lets null remove one. */
export function IsAttributes(options: FieldOptions & { clearable?: boolean } = {}): PropertyDecorator {
  return Field(
    'attributes',
    (value) => explain(value, options.clearable === true),
    { type: 'object', additionalProperties: { type: 'string', maxLength: LONGEST } },
    { example: { language: 'zh' }, ...options },
  );
}

/** Attributes after a change: an absent one stays, null removes. Returns null if there are more than allowed. */
export function mergeAttributes(
  current: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | null>>,
): Record<string, string> | null {
  const merged = { ...current, ...change };
  const kept = Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== null);
  return kept.length > MOST ? null : Object.fromEntries(kept);
}
