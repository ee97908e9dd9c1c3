import { createHash } from 'node:crypto';

/**
 * JSON with sorted keys and no spaces (similar to RFC 8785), so that equal content has equal text.
 * Undefined members are dropped; bigints become integer literals.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const toJson: unknown = Reflect.get(value, 'toJSON');
    if (typeof toJson === 'function') return canonicalJson(Reflect.apply(toJson, value, []));
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  // undefined, functions and symbols have no JSON, contrary to the types of the standard library
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  return JSON.stringify(value) ?? 'null';
}

/** SHA-256 in lower-case hex. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** `sha256:…` of a text, the form of hashes in documents and answers. */
export function namedHash(text: string | Uint8Array): string {
  return `sha256:${sha256Hex(text)}`;
}

/** 16 bytes that identify a request's content; equal content gives equal bytes, in any key order. */
export function requestHash(value: unknown): Buffer {
  return createHash('sha256').update(canonicalJson(value)).digest().subarray(0, 16);
}

/** Like `requestHash`, for a list of plain JSON values that is always written in the same order. */
export function listHash(parts: readonly unknown[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 16);
}
