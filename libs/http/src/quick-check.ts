import { getMetadataStorage } from 'class-validator';
import type { ValidationArguments } from 'class-validator';

export type DtoClass = abstract new () => object;

/** Not certainly valid: class-validator decides. */
export const REFUSED = Symbol('refused');

/** class-validator's metadata of a field. */
export interface Field {
  readonly name: string;
  /** May be absent or null. */
  readonly optional: boolean;
  readonly rules: readonly ((value: unknown) => boolean)[];
  readonly most?: number;
  /** Class of the object, or of each list element. */
  readonly part?: () => DtoClass;
}

/** Argument of `ValidateNested`, which makes the class of a part known here too. */
export interface PartContext {
  readonly part: () => DtoClass;
}

/**
 * Returns the DTO of a body that is certainly valid, or REFUSED. Walks the body once and applies the rules that class-validator has for
 * the class; class-transformer and class-validator take about thirty times as long. They check the body whenever a value is invalid
 * or a field has an unknown kind of rule, so every refusal comes from them.
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

/** A rule as class-validator applies it; a rule of an unknown kind accepts nothing. */
function ruleOf({ type, constraintCls, constraints, each, validateIf }: Metadata): (value: unknown) => boolean {
  const [constraint, ...others] =
    type === 'customValidation' ? getMetadataStorage().getTargetValidatorConstraints(constraintCls) : [];
  if (constraint === undefined || constraint.async || others.length > 0 || validateIf !== undefined) return () => false;
  const { instance } = constraint;
  const args = { constraints: constraints as unknown[] } as ValidationArguments;
  const holds = (value: unknown): boolean => instance.validate(value, args) === true;
  return each ? (value) => (Array.isArray(value) ? value.every(holds) : holds(value)) : holds;
}
