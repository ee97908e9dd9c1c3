/** A column: its type in the catalogue, and how a non-null value is read and written where `pg`'s conversion does not fit. */
export interface Column<T, Filled extends boolean = false> {
  readonly type: string;
  /** Name of the column, if it is not the property in snake case. */
  readonly name?: string | undefined;
  readonly key?: boolean;
  readonly nullable?: boolean;
  readonly filled?: Filled;
  readonly read?: (stored: unknown) => T;
  readonly write?: (value: unknown) => unknown;
}

function of<T>(type: string, conversion: Pick<Column<unknown>, 'read' | 'write'> = {}) {
  return <U extends T = T>(name?: string): Column<U> => ({ type, name, ...(conversion as Pick<Column<U>, 'read'>) });
}

export const text = of<string>('text');
export const texts = of<readonly string[]>('text[]', {
  write: (value) => `{${(value as string[]).map((one) => `"${one.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`,
});
export const uuid = of<string>('uuid');
export const boolean = of<boolean>('boolean');
export const smallint = of<number>('smallint');
export const integer = of<number>('integer');
export const bigint = of<bigint>('bigint');
/** Whole numbers of any size. */
export const numeric = of<bigint>('numeric', { read: (stored) => BigInt(stored as string) });
/** A number as text, with all its digits. */
export const decimal = of<string>('numeric');
export const bytea = of<Uint8Array>('bytea');
/** A day as text: `2026-03-01`. */
export const date = of<string>('date');
export const timestamptz = of<Date>('timestamptz', { write: (value) => (value as Date).toISOString() });

/** A JSON document. A bigint in it is stored as text, which `read` converts back. */
export function jsonb<T>(read = (stored: unknown): T => stored as T, name?: string): Column<T> {
  const plain = (_key: string, part: unknown): unknown => (typeof part === 'bigint' ? part.toString() : part);
  return { type: 'jsonb', name, read, write: (value) => JSON.stringify(value, plain) };
}

/** A JSON document that keeps the order of its members. */
export function json<T>(): Column<T> {
  return { ...jsonb<T>(), type: 'json' };
}

export function orNull<T, Filled extends boolean>(column: Column<T, Filled>): Column<T | null, Filled> {
  return { ...column, nullable: true };
}

export function key<T, Filled extends boolean>(column: Column<T, Filled>): Column<T, Filled> {
  return { ...column, key: true };
}

/** Set by the database: read, never inserted. */
export function filled<T>(column: Column<T>): Column<T, true> {
  return { ...column, filled: true };
}
