import { ApiResponse } from '@nestjs/swagger';

/** What an answer looks like, in the words of JSON schema; the generated client gets its types from it. */
export interface Shape {
  readonly [word: string]: unknown;
}

const OPTIONAL = Symbol('optional');

interface Fields {
  readonly [field: string]: Shape;
}

/** The parts from which shapes of answers are put together. */
export const shape = {
  text: { type: 'string' },
  whole: { type: 'integer' },
  flag: { type: 'boolean' },
  instant: { type: 'string', format: 'date-time' },
  points: { type: 'integer', description: 'Points.' },
  minor: { type: 'integer', description: 'Minor units of the currency; positive receives, negative pays.' },
  /** A sum that may exceed 2^53 − 1: exact all the same. */
  sum: {
    type: 'integer',
    format: 'int64',
    description:
      'Points, or minor units (positive receives, negative pays), exact: beyond 2^53 − 1 the client reads a bigint.',
  },
  price: { type: 'string', description: 'A decimal in minor units of the currency.' },
  texts: { type: 'array', items: { type: 'string' } },
  attributes: { type: 'object', additionalProperties: { type: 'string' } },
  oneOf: (values: readonly string[]): Shape => ({ type: 'string', enum: values }),
  list: (items: Shape): Shape => ({ type: 'array', items }),
  /** Null when there is none. */
  maybe: (inner: Shape): Shape =>
    typeof inner['type'] === 'string' && inner['title'] === undefined && inner['enum'] === undefined
      ? { ...inner, type: [inner['type'], 'null'] }
      : { anyOf: [inner, { type: 'null' }] },
  /** May be absent. */
  optional: (inner: Shape): Shape => ({ ...inner, [OPTIONAL]: true }),
  /** Every field is there unless it is `optional`. */
  object: (fields: Fields): Shape => ({
    type: 'object',
    required: Object.keys(fields).filter((field) => !(OPTIONAL in (fields[field] ?? {}))),
    properties: fields,
  }),
  /** An object that has a name of its own in the document. */
  named: (title: string, fields: Fields): Shape => ({ title, ...shape.object(fields) }),
  page: (items: Shape): Shape =>
    shape.object({
      data: shape.list(items),
      page: shape.named('PageInfo', { after: shape.maybe(shape.text), more: shape.flag }),
    }),
} as const;

/** Says what a route answers with; adds to what an `@ApiResponse` of the same status says (description, example). */
export function ApiAnswer(status: number, answer?: Shape): MethodDecorator {
  return ApiResponse(answer === undefined ? { status } : { status, schema: answer });
}

/** Moves every named shape to the components and leaves a reference; gives the components. */
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
