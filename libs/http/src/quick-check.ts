import { getMetadataStorage } from 'class-validator';
import type { ValidationArguments } from 'class-validator';

export type DtoClass = abstract new () => object;

/** Not certainly valid: class-validator has the word. */
export const REFUSED = Symbol('refused');

/** What the metadata of class-validator say about a field. */
export interface Field {
  readonly name: string;
  /** May be absent or null. */
  readonly optional: boolean;
  readonly rules: readonly ((value: unknown) => boolean)[];
  /** Most elements, of a list. */
  readonly most?: number;
  /** The class of the object, or of each of the list. */
  readonly part?: () => DtoClass;
}

/** What `ValidateNested` is told, so that the class of a part is known here too. */
export interface PartContext {
  readonly part: () => DtoClass;
}

/**
 * The DTO of a body that is certainly valid, or REFUSED. Walks over the body once, by the rules that class-validator has of the
 * class; with class-transformer and class-validator the same takes some thirty times as long. They speak whenever something is
 * wrong or a field has rules of a kind that is not known here, so every refusal is theirs.
 */
export function quickCheck(dto: DtoClass, body: object): unknown {
  const instance = Reflect.construct(dto, []) as Record<string, unknown>;
  let known = 0;
  for (const { name, optional, rules, part } of fieldsOf(dto)) {
    const present = Object.hasOwn(body, name);
    if (present) known += 1;
    let value: unknown = present ? (body as Record<string, unknown>)[name] : undefined;
    if (value === undefined || value === null) {
      if (!optional) return REFUSED;
      if (present) instance[name] = value;
      continue;
    }
    for (const holds of rules) if (!holds(value)) return REFUSED;
    if (part !== undefined) value = takeParts(part(), value);
    if (value === REFUSED) return REFUSED;
    instance[name] = value;
  }
  return known === Object.keys(body).length ? instance : REFUSED;
}

function takeParts(part: DtoClass, value: unknown): unknown {
  if (!Array.isArray(value)) return takePart(part, value);
  const parts: unknown[] = [];
  for (const item of value) {
    const taken = Array.isArray(item) ? REFUSED : takePart(part, item);
    if (taken === REFUSED) return REFUSED;
    parts.push(taken);
  }
  return parts;
}

function takePart(part: DtoClass, value: unknown): unknown {
  return typeof value === 'object' && value !== null ? quickCheck(part, value) : REFUSED;
}

const compiled = new WeakMap<DtoClass, readonly Field[]>();

/** The fields of a class and of those that it extends. */
export function fieldsOf(dto: DtoClass): readonly Field[] {
  let fields = compiled.get(dto);
  if (fields === undefined) {
    fields = compile(dto);
    compiled.set(dto, fields);
  }
  return fields;
}

type Metadata = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

function compile(dto: DtoClass): Field[] {
  const byField = new Map<string, Metadata[]>();
  for (const one of getMetadataStorage().getTargetValidationMetadatas(dto, '', false, false)) {
    byField.set(one.propertyName, [...(byField.get(one.propertyName) ?? []), one]);
  }
  return [...byField].map(([name, all]) => {
    const optional = all.some(isOptional);
    const most = all.find((one) => one.name === 'arrayMaxSize')?.constraints[0] as number | undefined;
    const part = all.find(isNested)?.context as PartContext | undefined;
    const rules = all.filter((one) => !isOptional(one) && (part === undefined || !isNested(one))).map(ruleOf);
    return { name, optional, rules, ...(most === undefined ? {} : { most }), ...part };
  });
}

function isOptional({ type, name }: Metadata): boolean {
  return type === 'conditionalValidation' && name === 'isOptional';
}

function isNested({ type }: Metadata): boolean {
  return type === 'nestedValidation';
}

/** A rule as class-validator applies it; one of a kind that is not known here holds for nothing. */
function ruleOf({ type, constraintCls, constraints, each, validateIf }: Metadata): (value: unknown) => boolean {
  const [constraint, ...others] =
    type === 'customValidation' ? getMetadataStorage().getTargetValidatorConstraints(constraintCls) : [];
  if (constraint === undefined || constraint.async || others.length > 0 || validateIf !== undefined) return () => false;
  const { instance } = constraint;
  const args = { constraints: constraints as unknown[] } as ValidationArguments;
  const holds = (value: unknown): boolean => instance.validate(value, args) === true;
  return each ? (value) => (Array.isArray(value) ? value.every(holds) : holds(value)) : holds;
}
