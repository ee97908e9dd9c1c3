import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { ApiPropertyOptions } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsObject, IsOptional, ValidateBy, ValidateNested } from 'class-validator';
import { parseInstant } from '#libs/kernel';
import type { Explain } from './faults.js';
import type { PartContext } from './quick-check.js';

/** Default maximum number of elements in a list. */
const DEFAULT_MOST = 200;

/** Options of every field decorator. A field is required unless `optional`; optional fields may also be null. */
export interface FieldOptions {
  optional?: boolean;
  description?: string;
  example?: unknown;
  /** The field is an array, and the rule applies to each element. */
  each?: boolean;
  /** Fewest elements, with `each`. Default 0. */
  minItems?: number;
  /** Most elements, with `each`. Default 200. */
  maxItems?: number;
}

/** A field whose rule and error text come from one function. */
export function Field(
  name: string,
  explain: Explain,
  schema: ApiPropertyOptions,
  options: FieldOptions = {},
): PropertyDecorator {
  const each = options.each === true;
  const rule = ValidateBy(
    {
      name,
      validator: {
        validate: (value) => explain(value) === null,
        defaultMessage: (args) => explain(args?.value)?.detail ?? 'invalid',
      },
    },
    { each, context: { explain: each ? firstFault(explain) : explain } },
  );
  const { minItems = 0, maxItems = DEFAULT_MOST } = options;
  return applyDecorators(
    ...(options.optional === true ? [IsOptional()] : []),
    rule,
    ...(each ? [IsArray(), ArrayMinSize(minItems), ArrayMaxSize(maxItems)] : []),
    ApiProperty({
      ...schema,
      ...(each ? { isArray: true, maxItems, ...(minItems > 0 ? { minItems } : {}) } : {}),
      required: options.optional !== true,
      ...(options.optional === true ? { nullable: true } : {}),
      ...(options.description === undefined ? {} : { description: options.description }),
      ...(options.example === undefined ? {} : { example: options.example }),
    } as ApiPropertyOptions),
  );
}

function firstFault(explain: Explain): Explain {
  return (value) => {
    if (!Array.isArray(value)) return null;
    for (const [index, item] of value.entries()) {
      const fault = explain(item);
      if (fault !== null) return { ...fault, at: `/${index}` };
    }
    return null;
  };
}

function explainInteger(min: number, max: number): Explain {
  return (value) => {
    if (typeof value !== 'number' || (Number.isFinite(value) && !Number.isInteger(value))) {
      return { code: 'not_an_integer', detail: 'Must be a whole number.' };
    }
    return value < min || value > max || !Number.isSafeInteger(value)
      ? { code: 'out_of_range', detail: `Must be from ${min} to ${max}.` }
      : null;
  };
}

export function IsWhole(min: number, max: number, options: FieldOptions = {}): PropertyDecorator {
  return Field('whole', explainInteger(min, max), { type: 'integer', minimum: min, maximum: max }, options);
}

/** Points: a positive whole number up to 2^53 − 1 (`min` 0 allows zero). */
export function IsPoints(options: FieldOptions & { min?: number } = {}): PropertyDecorator {
  return IsWhole(options.min ?? 1, Number.MAX_SAFE_INTEGER, { example: 12_000, ...options });
}

/** Money in minor units: a whole number from 0 (or `min`) up to 2^53 − 1. */
export function IsMinorAmount(options: FieldOptions & { min?: number } = {}): PropertyDecorator {
  return IsWhole(options.min ?? 0, Number.MAX_SAFE_INTEGER, { example: 5_600, ...options });
}

const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

function explainText(max: number, pattern?: RegExp): Explain {
  return (value) => {
    if (typeof value !== 'string') return { code: 'not_a_string', detail: 'Must be a string.' };
    if (value.trim() === '') return { code: 'required', detail: 'Must not be empty.' };
    if (value.length > max) return { code: 'too_long', detail: `Must have at most ${max} characters.` };
    if (UNSAFE.test(value)) return { code: 'control_character', detail: 'Must not contain control characters.' };
    return pattern !== undefined && !pattern.test(value)
      ? { code: 'malformed', detail: 'Does not have the expected format.' }
      : null;
  };
}

/** A text of 1 to `max` characters, without control characters; `pattern` narrows it further. */
export function IsText(max: number, options: FieldOptions & { pattern?: RegExp } = {}): PropertyDecorator {
  const schema: ApiPropertyOptions = {
    type: 'string',
    minLength: 1,
    maxLength: max,
    ...(options.pattern === undefined ? {} : { pattern: options.pattern.source }),
  };
  return Field('text', explainText(max, options.pattern), schema, options);
}

/** The caller's own id of something: 1 to 128 characters. */
export function IsExternalId(options: FieldOptions = {}): PropertyDecorator {
  return IsText(128, { example: 'A-1001', ...options });
}

/** An ISO 4217 code. */
export function IsCurrency(options: FieldOptions = {}): PropertyDecorator {
  return IsText(3, { example: 'CNY', pattern: /^[A-Z]{3}$/, ...options });
}

const PRICE = /^(0|[1-9]\d{0,11})(\.\d{1,6})?$/;
const PRICE_ABOVE_ZERO = /^(?=.*[1-9])(0|[1-9]\d{0,11})(\.\d{1,6})?$/;

/**
 * A price per point or an unrounded amount: a plain decimal of minor units, at most 12 digits and 6 decimals; zero is allowed unless
 * `aboveZero`.
 */
export function IsPrice({
  aboveZero = false,
  ...options
}: FieldOptions & { aboveZero?: boolean } = {}): PropertyDecorator {
  return IsText(19, { example: '0.90', pattern: aboveZero ? PRICE_ABOVE_ZERO : PRICE, ...options });
}

/** Accepted years. Others are typing errors, or cannot be stored by other systems. */
const FIRST_YEAR = 2000;
const LAST_YEAR = 2999;
const YEARS = `from the years ${FIRST_YEAR} to ${LAST_YEAR}`;

function inYears(instant: Date | null): boolean {
  const year = instant?.getUTCFullYear() ?? 0;
  return year >= FIRST_YEAR && year <= LAST_YEAR;
}

const explainInstant: Explain = (value) => {
  if (typeof value !== 'string') return { code: 'not_a_string', detail: 'Must be a time as a string.' };
  const instant = value.length > 40 ? null : parseInstant(value);
  if (instant === null) {
    return { code: 'not_an_instant', detail: 'Must be a time with an offset, such as 2026-03-02T08:00:00+08:00.' };
  }
  return inYears(instant) ? null : { code: 'out_of_range', detail: `A time ${YEARS} is needed.` };
};

const DAY = /^\d{4}-\d{2}-\d{2}$/;

const explainDay: Explain = (value) => {
  if (typeof value !== 'string') return { code: 'not_a_string', detail: 'Must be a date as a string.' };
  const start = DAY.test(value) ? parseInstant(`${value}T00:00:00Z`) : null;
  if (start === null) return { code: 'malformed', detail: 'Must be a date such as 2026-03-02.' };
  return inYears(start) ? null : { code: 'out_of_range', detail: `A day ${YEARS} is needed.` };
};

/** A day of the calendar, from 2000 to 2999. */
export function IsDay(options: FieldOptions = {}): PropertyDecorator {
  return Field('day', explainDay, { type: 'string', format: 'date' }, { example: '2026-03-02', ...options });
}

/** An RFC 3339 time with an offset, from 2000 to 2999. */
export function IsInstant(options: FieldOptions = {}): PropertyDecorator {
  const schema: ApiPropertyOptions = { type: 'string', format: 'date-time' };
  return Field('instant', explainInstant, schema, { example: '2026-03-02T08:00:00+08:00', ...options });
}

export function IsFlag(options: FieldOptions = {}): PropertyDecorator {
  const explain: Explain = (value) =>
    typeof value === 'boolean' ? null : { code: 'not_a_boolean', detail: 'Must be true or false.' };
  return Field('flag', explain, { type: 'boolean' }, options);
}

export function IsOneOf(words: readonly string[], options: FieldOptions = {}): PropertyDecorator {
  const explain: Explain = (value) =>
    typeof value === 'string' && words.includes(value)
      ? null
      : { code: 'not_allowed', detail: `One of ${words.join(', ')} is needed.` };
  return Field('oneOf', explain, { type: 'string', enum: [...words] }, options);
}

export function IsPart(part: () => new () => object, options: FieldOptions = {}): PropertyDecorator {
  return applyDecorators(
    ...(options.optional === true ? [IsOptional()] : []),
    IsObject(),
    ValidateNested({ context: { part } satisfies PartContext }),
    Type(part),
    // swagger recognizes a lazy type by the name of its function
    ApiProperty({ type: () => part(), required: options.optional !== true }),
  );
}

function OfObjects(): PropertyDecorator {
  const explain = firstFault((item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? null
      : { code: 'not_an_object', detail: 'Must be an object.' },
  );
  return ValidateBy(
    { name: 'ofObjects', validator: { validate: (value) => explain(value) === null, defaultMessage: () => 'objects' } },
    { context: { explain } },
  );
}

/** A list of `min` to `max` objects of a DTO class. */
export function IsParts(
  part: () => new () => object,
  options: FieldOptions & { min?: number; max?: number } = {},
): PropertyDecorator {
  const { min = 1, max = DEFAULT_MOST } = options;
  return applyDecorators(
    ...(options.optional === true ? [IsOptional()] : []),
    IsArray(),
    ArrayMinSize(min),
    ArrayMaxSize(max),
    // class-validator would accept a nested array as a list of parts
    OfObjects(),
    ValidateNested({ each: true, context: { part } satisfies PartContext }),
    Type(part),
    ApiProperty({
      type: () => part(),
      isArray: true,
      minItems: min,
      maxItems: max,
      required: options.optional !== true,
      ...(options.description === undefined ? {} : { description: options.description }),
    }),
  );
}
