import { fail } from './errors.js';

/** One page of a list: no totals, and a cursor for the start of the next page. */
export interface Page<T> {
  data: readonly T[];
  page: { after: string | null; more: boolean };
}

export const MAX_PAGE = 200;

/** Encodes the sort key of the last row as an opaque text. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/**
 * @param fields number of parts that the position must have
 * @throws DomainError `cursor_invalid`
 */
export function decodeCursor(cursor: string, fields: number): (string | number)[] {
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (
      Array.isArray(position) &&
      position.length === fields &&
      position.every((part) => typeof part === 'string' || typeof part === 'number')
    ) {
      return position;
    }
  } catch {
    // falls through to the common refusal
  }
  return fail('cursor_invalid');
}

/** Makes a page from rows that were queried with one more than the limit. */
export function pageOf<T>(
  rows: readonly T[],
  limit: number,
  position: (row: T) => readonly (string | number)[],
): Page<T> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const more = rows.length > limit;
  return { data, page: { after: more && last !== undefined ? encodeCursor(position(last)) : null, more } };
}
