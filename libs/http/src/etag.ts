import { fail } from '#libs/kernel';
import { Reply } from './reply.js';

export function etagOf(version: number | string): string {
  return `"${version}"`;
}

export function versioned<T>(body: T, version: number | string): Reply<T> {
  return new Reply(200, body, false, etagOf(version));
}

/**
 * Requires that a change starts from the current version.
 * @throws DomainError `precondition_required` without If-Match, `precondition_failed` when it names another version
 */
export function ifMatch(header: string | undefined, version: number | string): void {
  if (header === undefined || header === '') return fail('precondition_required');
  const named = header.split(',').map((tag) => tag.trim());
  if (!named.includes('*') && !named.includes(etagOf(version))) fail('precondition_failed');
}
