import type { FieldFault } from '#libs/kernel';
import { MOST_FAULTS, pointerOf } from './faults.js';
import { fieldsOf } from './quick-check.js';
import type { DtoClass } from './quick-check.js';

const declared = new WeakMap<DtoClass, ReadonlySet<string>>();

export function namesOf(dto: DtoClass): ReadonlySet<string> {
  let names = declared.get(dto);
  if (names === undefined) {
    names = new Set(fieldsOf(dto).map(({ name }) => name));
    declared.set(dto, names);
  }
  return names;
}

/**
 * Finds why a body is too wide to check against a DTO class: more unknown fields than an answer can list, or a list that is too long.
 * It walks the body once and stops there. class-transformer and class-validator would copy the whole body first, in a time that grows
 * with the square of its width.
 */
export function tooWide(dto: DtoClass, body: object, prefix = ''): FieldFault[] {
  const names = namesOf(dto);
  const unknown: FieldFault[] = [];
  for (const key of Object.keys(body)) {
    if (names.has(key)) continue;
    const fault = { pointer: prefix + pointerOf(key), code: 'unknown_field', detail: 'Unknown field.' };
    // class-transformer silently drops members named like those of Object.prototype
    if (key in Object.prototype) return [fault];
    unknown.push(fault);
    if (unknown.length === MOST_FAULTS) return unknown;
  }
  for (const { name, most = Infinity, part } of fieldsOf(dto)) {
    const value: unknown = Object.hasOwn(body, name) ? Reflect.get(body, name) : null;
    const faults = widthOf(value, most, part?.(), prefix + pointerOf(name));
    if (faults.length > 0) return faults;
  }
  return [];
}

function widthOf(value: unknown, most: number, part: DtoClass | undefined, pointer: string): FieldFault[] {
  if (Array.isArray(value) && value.length > most) {
    return [{ pointer, code: 'too_many', detail: `Must have at most ${most} elements.` }];
  }
  if (part === undefined) return [];
  const parts: [unknown, string][] = Array.isArray(value)
    ? value.map((item, i): [unknown, string] => [item, `${pointer}/${i}`])
    : [[value, pointer]];
  for (const [item, at] of parts) {
    const faults = typeof item === 'object' && item !== null ? tooWide(part, item, at) : [];
    if (faults.length > 0) return faults;
  }
  return [];
}
