import { randomBytes } from 'node:crypto';
import { parse, stringify, v7 } from 'uuid';

/** Crockford's base 32: no I, L, O, U, so that an id read aloud or typed from paper survives. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, BigInt(value)]));

/** Prefixes of public ids, one per kind of thing. */
export type IdPrefix =
  | 'au'
  | 'bd'
  | 'cl'
  | 'cn'
  | 'cp'
  | 'cs'
  | 'ct'
  | 'er'
  | 'ex'
  | 'gr'
  | 'ln'
  | 'lt'
  | 'mb'
  | 'od'
  | 'po'
  | 'qt'
  | 'rt'
  | 'st'
  | 'tg'
  | 'tm'
  | 'cm'
  | 'cv'
  | 'ds'
  | 'lk'
  | 'of'
  | 'pk'
  | 'pt'
  | 'rp'
  | 'tc'
  | 'vd';

function encode(value: bigint): string {
  let rest = value;
  let text = '';
  for (let i = 0; i < 26; i += 1) {
    text = (ALPHABET[Number(rest & 31n)] ?? '') + text;
    rest >>= 5n;
  }
  return text;
}

function decode(text: string): bigint | null {
  let value = 0n;
  for (const letter of text) {
    const digit = VALUES.get(letter);
    if (digit === undefined) return null;
    value = (value << 5n) | digit;
  }
  return value >> 128n === 0n ? value : null;
}

/** A new time-ordered UUID (RFC 9562, version 7). Uses real time, never the alliance's test clock. */
export function uuidv7(): string {
  return v7();
}

/** `od_…` for a UUID: prefix, underscore, 26 letters of Crockford base 32; sorts like the UUID. */
export function idFromUuid(prefix: IdPrefix, uuid: string): string {
  return `${prefix}_${encode(BigInt(`0x${Buffer.from(parse(uuid)).toString('hex')}`))}`;
}

/** The UUID inside a public id, or null when the text is no id of this prefix. */
export function uuidFromId(prefix: IdPrefix, id: string): string | null {
  if (id.length !== prefix.length + 27 || !id.startsWith(`${prefix}_`)) return null;
  const value = decode(id.slice(prefix.length + 1));
  if (value === null) return null;
  const hex = value.toString(16).padStart(32, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A new sortable public id. */
export function newId(prefix: IdPrefix): string {
  return idFromUuid(prefix, uuidv7());
}

/** 128 random bits under a prefix: tells nothing, not even when it was made. */
export function randomRef(prefix: IdPrefix): string {
  return `${prefix}_${encode(BigInt(`0x${randomBytes(16).toString('hex')}`))}`;
}

/** A UUID made from the first 16 bytes of a digest (RFC 9562, version 8): same input, same id, for ever. */
export function uuidFromDigest(digest: Uint8Array): string {
  const bytes = Uint8Array.from(digest.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return stringify(bytes);
}
