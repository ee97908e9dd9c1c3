import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { Page } from '#libs/kernel';
import type { Reply } from './reply.js';

declare const VALUE: unique symbol;
const OPTIONAL = Symbol('optional');

/** Shape of an answer, as JSON schema. The API document, the generated client and `AnswerOf` take their types from it. */
export interface Shape<T = unknown> {
  readonly [word: string]: unknown;
  readonly [VALUE]?: () => T;
}

interface OptionalShape<T> extends Shape<T> {
  readonly [OPTIONAL]: true;
}

export type AnswerOf<S> = S extends Shape<infer T> ? T : never;

interface Fields {
  readonly [field: string]: Shape;
}

type OptionalIn<F> = { [K in keyof F]: F[K] extends OptionalShape<unknown> ? K : never }[keyof F];

type ObjectOf<F> = Flat<
  { readonly [K in Exclude<keyof F, OptionalIn<F>>]: AnswerOf<F[K]> } & {
    readonly [K in OptionalIn<F>]?: AnswerOf<F[K]>;
  }
>;

type Flat<T> = { [K in keyof T]: T[K] };

function typed<T>(schema: Shape): Shape<T> {
  return schema as Shape<T>;
}

export const shape = {
  text: typed<string>({ type: 'string' }),
  whole: typed<number>({ type: 'integer' }),
  flag: typed<boolean>({ type: 'boolean' }),
  instant: typed<string>({ type: 'string', format: 'date-time' }),
  points: typed<number>({ type: 'integer', description: 'Points.' }),
  minor: typed<number>({
    type: 'integer',
    description: 'Minor units of the currency; positive receives, negative pays.',
  }),
  /** An exact sum that may exceed 2^53 − 1. */
  sum: typed<number | bigint>({
    type: 'integer',
    format: 'int64',
    description:
      'Points, or minor units (positive receives, negative pays), exact: above 2^53 − 1 the client returns a bigint.',
  }),
  price: typed<string>({ type: 'string', description: 'A decimal in minor units of the currency.' }),
  texts: typed<readonly string[]>({ type: 'array', items: { type: 'string' } }),
  attributes: typed<Readonly<Record<string, string>>>({ type: 'object', additionalProperties: { type: 'string' } }),
  oneOf: <const V extends string>(values: readonly V[]): Shape<V> => typed<V>({ type: 'string', enum: values }),
  list: <T>(items: Shape<T>): Shape<readonly T[]> => typed<readonly T[]>({ type: 'array', items }),
  /** Null when there is none. */
  maybe: <T>(inner: Shape<T>): Shape<T | null> =>
    typed<T | null>(
      typeof inner['type'] === 'string' && inner['title'] === undefined && inner['enum'] === undefined
        ? { ...inner, type: [inner['type'], 'null'] }
        : { anyOf: [inner, { type: 'null' }] },
    ),
  /** May be absent. */
  optional: <T>(inner: Shape<T>): OptionalShape<T> => ({ ...inner, [OPTIONAL]: true }),
  /** Fields that all have the same shape. */
  each: <const K extends string, S extends Shape>(names: readonly K[], field: S): Readonly<Record<K, S>> =>
    Object.fromEntries(names.map((name) => [name, field])) as Record<K, S>,
  /** Every field is present unless it is `optional`. */
  object: <const F extends Fields>(fields: F): Shape<ObjectOf<F>> =>
    typed<ObjectOf<F>>({
      type: 'object',
      required: Object.keys(fields).filter((field) => !(OPTIONAL in (fields[field] ?? {}))),
      properties: fields,
    }),
  /** An object with its own name in the document. */
  named: <const F extends Fields>(title: string, fields: F): Shape<ObjectOf<F>> =>
    typed<ObjectOf<F>>({ title, ...shape.object(fields) }),
  pageInfo: (): Shape<Page<unknown>['page']> =>
    shape.named('PageInfo', { after: shape.maybe(shape.text), more: shape.flag }),
  page: <T>(items: Shape<T>): Shape<Page<T>> => shape.object({ data: shape.list(items), page: shape.pageInfo() }),
} as const;

type Answering<T> = <H extends (...args: never[]) => T | Reply<T> | Promise<T | Reply<T>>>(
  controller: object,
  name: string | symbol,
  handler: TypedPropertyDescriptor<H>,
) => void;

interface AboutAnswer<T> {
  description?: string;
  example?: T;
}

/** Declares the answer of a route. The method does not compile when it can return anything else, nor does another example. */
export function ApiAnswer(status: number): Answering<void>;
export function ApiAnswer<T>(status: number, answer: Shape<T>, about?: AboutAnswer<NoInfer<T>>): Answering<T>;
export function ApiAnswer<T>(status: number, answer?: Shape<T>, about: AboutAnswer<T> = {}): MethodDecorator {
  return ApiResponse({ status, ...(answer && { schema: answer as object }), ...about });
}

/** Like `ApiAnswer`, for a route with two answers, by status. */
export function ApiAnswers<A extends Readonly<Record<number, Shape>>>(answers: A): Answering<AnswerOf<A[keyof A]>> {
  return applyDecorators(
    ...Object.entries(answers).map(([status, answer]) =>
      ApiResponse({ status: Number(status), schema: answer as object }),
    ),
  );
}

/** Replaces every named shape by a reference, and returns the named shapes as components. */
export function nameShapes(holder: unknown, named: Record<string, unknown>): unknown {
  if (Array.isArray(holder)) return holder.map((item) => nameShapes(item, named));
  if (typeof holder !== 'object' || holder === null) return holder;
  const { title, ...rest } = holder as { title?: unknown; properties?: unknown };
  const walked = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, key.startsWith('example') ? value : nameShapes(value, named)]),
  );
  if (typeof title !== 'string' || rest.properties === undefined)
    return title === undefined ? walked : { title, ...walked };
  const known = named[title];
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(walked)) {
    throw new TypeError(`two answers named ${title} differ`);
  }
  named[title] = walked;
  return { $ref: `#/components/schemas/${title}` };
}
