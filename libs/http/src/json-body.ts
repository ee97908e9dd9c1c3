import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { fail } from '#libs/kernel';
import { inexactNumber, isReadExactly, repeatedKey } from './json-text.js';

/** Largest body in bytes, unless the route declares more with `BodyLimit`. */
export const BODY_LIMIT = 64 * 1024;

const DEEPEST = 32;
/** Minimum average bytes per value; no valid call of the API has less. */
const BYTES_A_VALUE = 8;

/**
 * Reads JSON bodies within bounds, in one pass over the bytes and one over the values. Later code can rely on few values, limited depth,
 * unique keys and exact whole numbers. An empty body counts as no body, even with content-type JSON, which many clients send with
 * every call; routes that need a body refuse it during validation.
 */
export function installJsonBody(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser(['application/json', 'text/plain']);
  server.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    if (bytes.length === 0) return done(null, undefined);
    if (!isUtf8(bytes)) return done(refusal(() => fail('body_unreadable', { detail: 'The body is not UTF-8.' })));
    void parse(request, bytes.toString(), (error, body) => {
      if (error !== null) done(error);
      else
        done(
          refusal(() => checkBounds(body, bytes, request.routeOptions.bodyLimit)),
          body,
        );
    });
  });
}

/** Turns the exceptions of a check into errors for Fastify's callback. */
function refusal(check: () => void): Error | null {
  try {
    check();
    return null;
  } catch (thrown) {
    return thrown as Error;
  }
}

function checkBounds(body: unknown, bytes: Buffer, limit: number): void {
  const most = Math.floor(limit / BYTES_A_VALUE);
  const count = { members: 0, items: 0 };
  if (!countInto(count, body, 0) || count.members + count.items > most) {
    fail('body_too_large', {
      detail: `This call accepts at most ${most} values, nested at most ${DEEPEST} levels deep.`,
    });
  }
  const { members, exact } = written(bytes);
  // with a duplicate key, the text has more members than the parsed value
  if (members !== count.members) {
    fail('validation_failed', {
      errors: [{ pointer: repeatedKey(bytes.toString()), code: 'repeated_key', detail: 'The field occurs twice.' }],
    });
  }
  if (!exact) {
    const detail = 'The number would be read as another, whole one.';
    fail('validation_failed', {
      errors: [{ pointer: inexactNumber(bytes.toString()), code: 'not_an_integer', detail }],
    });
  }
}

/** Counts the members of all objects and the items of all lists; false when the nesting is too deep. */
function countInto(count: { members: number; items: number }, value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === DEEPEST) return false;
  if (Array.isArray(value)) {
    count.items += value.length;
    return value.every((item) => countInto(count, item, depth + 1));
  }
  for (const key in value) {
    count.members += 1;
    if (!countInto(count, (value as Record<string, unknown>)[key], depth + 1)) return false;
  }
  return true;
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
/** A plain number of up to this many bytes is exact. */
const EXACT_BYTES = 15;

/** Counts the colons outside of strings and tells whether all numbers are read exactly. The bytes must be valid JSON. */
function written(json: Buffer): { members: number; exact: boolean } {
  let members = 0;
  let exact = true;
  for (let i = 0; i < json.length; i += 1) {
    const byte = json[i];
    if (byte === COLON) members += 1;
    else if (byte === QUOTE) {
      for (i += 1; json[i] !== QUOTE; i += 1) if (json[i] === BACKSLASH) i += 1;
    } else if (byte === MINUS || isDigit(byte)) {
      const start = i;
      while (isDigit(json[i + 1])) i += 1;
      const isPlain = !isOfNumber(json[i + 1]);
      while (isOfNumber(json[i + 1])) i += 1;
      const end = i + 1;
      if (!(isPlain && end - start <= EXACT_BYTES)) exact &&= isReadExactly(json.toString('latin1', start, end));
    }
  }
  return { members, exact };
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Bytes of a number after its leading digits: `.`, `e`, `E`, signs and digits. */
function isOfNumber(byte: number | undefined): boolean {
  return isDigit(byte) || byte === 0x2e || byte === 0x65 || byte === 0x45 || byte === 0x2b || byte === MINUS;
}
