import type { ValidationError } from 'class-validator';
import type { FieldFault } from '#libs/kernel';

/** Result of one of our field decorators for a value: null when the value is valid. `at` points into the value. */
export type Explain = (value: unknown) => { code: string; detail: string; at?: string } | null;

/** Codes for class-validator's own rules, which are used beside ours. */
const CODES: Record<string, string> = {
  whitelistValidation: 'unknown_field',
  isDefined: 'required',
  isNotEmpty: 'required',
  isString: 'not_a_string',
  isInt: 'not_an_integer',
  isNumber: 'not_a_number',
  isBoolean: 'not_a_boolean',
  isArray: 'not_an_array',
  isObject: 'not_an_object',
  nestedValidation: 'not_an_object',
  min: 'out_of_range',
  max: 'out_of_range',
  isPositive: 'out_of_range',
  minLength: 'too_short',
  maxLength: 'too_long',
  isLength: 'length_out_of_range',
  arrayMinSize: 'too_few',
  arrayNotEmpty: 'too_few',
  arrayMaxSize: 'too_many',
  arrayUnique: 'duplicate',
  isEnum: 'not_allowed',
  isIn: 'not_allowed',
  matches: 'malformed',
  isUrl: 'malformed',
  isEmail: 'malformed',
};

/** Largest number of pointers in one answer. */
export const MOST_FAULTS = 50;

/** A key as a step of a JSON pointer (RFC 6901). */
export function pointerOf(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Flattens class-validator's tree to faults with JSON pointers, one per field. */
export function faultsOf(errors: readonly ValidationError[], prefix = ''): FieldFault[] {
  const faults: FieldFault[] = [];
  collect(errors, prefix, faults);
  return faults;
}

function collect(errors: readonly ValidationError[], prefix: string, into: FieldFault[]): void {
  for (const error of errors) {
    if (into.length >= MOST_FAULTS) return;
    const pointer = prefix + pointerOf(error.property);
    if (error.constraints !== undefined && Object.keys(error.constraints).length > 0) {
      const { code, detail, at } = describe(error);
      into.push({ pointer: pointer + (at ?? ''), code, detail });
    } else {
      collect(error.children ?? [], pointer, into);
    }
  }
}

function describe(error: ValidationError): { code: string; detail: string; at?: string } {
  const constraints = Object.entries(error.constraints ?? {});
  if (error.constraints?.['whitelistValidation'] !== undefined) {
    return { code: 'unknown_field', detail: 'Unknown field.' };
  }
  if (error.value === undefined) return { code: 'required', detail: 'The field is missing.' };
  for (const [name] of constraints) {
    const explain: unknown = Reflect.get(error.contexts?.[name] ?? {}, 'explain');
    const found = typeof explain === 'function' ? (explain as Explain)(error.value) : null;
    if (found !== null) return found;
  }
  const [name, message] = constraints[0] ?? ['', ''];
  return { code: CODES[name] ?? 'invalid', detail: message };
}
