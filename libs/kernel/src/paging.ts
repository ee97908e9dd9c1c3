import { fail } from './errors.js';

/** One page of a list: no totals, and a cursor that says where the next begins. */
export interface Page<T> {
  data: readonly T[];
  page: { after: string | null; more: boolean };
}

/** The largest page anybody gets. */
export const MAX_PAGE = 200;

/** Packs the sort key of the last row into an opaque text. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/**
 * @param fields how many parts the position must have
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
    // falls through to the one answer for whatever isn't ours
  }
  return fail('cursor_invalid');
}

/** Cuts a page out of rows that were asked for with one more than the limit. */
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
