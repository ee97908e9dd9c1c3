import { createHash, randomBytes, randomFillSync } from 'node:crypto';
import { stringify, v7 } from 'uuid';
import { systemNow } from './clock.js';

/** Crockford's base 32: no I, L, O, U, so that an id can be read aloud or typed from paper. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const VALUES = new Map(Array.from(ALPHABET).map((letter, value) => [letter, value]));

/** Prefixes of public ids, one per kind of object. */
export type IdPrefix =
  | 'ap'
  | 'au'
  | 'bd'
  | 'ce'
  | 'cl'
  | 'cn'
  | 'cp'
  | 'cs'
  | 'ct'
  | 'dl'
  | 'er'
  | 'ex'
  | 'gr'
  | 'ln'
  | 'lt'
  | 'mb'
  | 'od'
  | 'op'
  | 'po'
  | 'qt'
  | 'rt'
  | 'st'
  | 'tg'
  | 'tm'
  | 'cm'
  | 'cv'
  | 'ds'
  | 'lg'
  | 'lk'
  | 'of'
  | 'pk'
  | 'pt'
  | 'rp'
  | 'tc'
  | 'vd';

/** 16 bytes as 26 letters of 5 bits, two zero bits first. Avoids big integers, because every order creates several ids. */
function encode(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 2;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[held >> bits] ?? '';
      held &= (1 << bits) - 1;
    }
  }
  return text;
}

/** The 16 bytes of 26 letters as hexadecimal digits, or null when the text is not valid. */
function decode(text: string): string | null {
  let hex = '';
  let held = 0;
  let bits = -2;
  for (const letter of text) {
    const digit = VALUES.get(letter);
    if (digit === undefined) return null;
    held = (held << 5) | digit;
    bits += 5;
    // more than 128 bits
    if (bits === 3 && digit > 7) return null;
    while (bits >= 4) {
      bits -= 4;
      hex += (held >> bits).toString(16);
      held &= (1 << bits) - 1;
    }
  }
  return hex;
}

/** Random bytes are fetched a page at a time: asking the system for 16 bytes costs more than the rest of an id. */
const random = new Uint8Array(4_096);
let used = random.length;

function nextRandom(): Uint8Array {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += 16;
  return random.subarray(used - 16, used);
}

/** Index of the last byte in the text of a UUID. */
const LAST_BYTE = 34;

let lastMs = 0;
let sequence = 0;

/**
 * A new time-ordered UUID (RFC 9562, version 7): within a process, later ones sort later. Uses real time, never the alliance's test clock.
 */
export function uuidv7(): string {
  const bytes = nextRandom();
  const now = systemNow().getTime();
  if (now > lastMs) {
    lastMs = now;
    sequence = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) >>> 1;
  } else {
    sequence = (sequence + 1) >>> 0;
    if (sequence === 0) lastMs += 1;
  }
  return v7({ random: bytes, msecs: lastMs, seq: sequence });
}

/**
 * A new id of an object of a wallet: its last byte is the wallet's, so that the id alone gives the location of the wallet's books.
 * No brand may see that byte unmasked: two brands could find members who may be one person.
 */
export function uuidv7For(walletId: string): string {
  return inCellOf(walletId, uuidv7());
}

/** The id with the wallet's last byte, for ids that are not derived from time. */
export function inCellOf(walletId: string, uuid: string): string {
  return uuid.slice(0, LAST_BYTE) + walletId.slice(LAST_BYTE);
}

/**
 * Cell of a wallet, of an object of a wallet, and of a key: 0 to 63, never changes. The ledger's database computes the same
 * (`ledger_cell`).
 */
export function cellOf(uuid: string): number {
  return Number.parseInt(uuid.slice(LAST_BYTE), 16) & 63;
}

/** Whether an id can belong to an object of the wallet. */
export function isInCellOf(walletId: string, uuid: string): boolean {
  return uuid.slice(LAST_BYTE) === walletId.slice(LAST_BYTE);
}

/** `od_…` for a UUID: prefix, underscore, 26 letters of Crockford base 32; sorts like the UUID. */
export function idFromUuid(prefix: IdPrefix, uuid: string): string {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  if (bytes.length !== 16) throw new TypeError(`${uuid} is not a UUID`);
  return `${prefix}_${encode(bytes)}`;
}

/** The UUID inside a public id, or null when the text is not an id with this prefix. */
export function uuidFromId(prefix: IdPrefix, id: string): string | null {
  if (id.length !== prefix.length + 27 || !id.startsWith(`${prefix}_`)) return null;
  const hex = decode(id.slice(prefix.length + 1));
  if (hex === null) return null;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function newId(prefix: IdPrefix): string {
  return idFromUuid(prefix, uuidv7());
}

/** 128 random bits under a prefix: reveals nothing, not even the time of creation. */
export function randomRef(prefix: IdPrefix): string {
  return `${prefix}_${encode(randomBytes(16))}`;
}

/** A UUID from the first 16 bytes of a digest (RFC 9562, version 8): the same input always gives the same id. */
export function uuidFromDigest(digest: Uint8Array): string {
  const bytes = Uint8Array.from(digest.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return stringify(bytes);
}

/** Like `uuidFromDigest`, for a text's SHA-256. */
export function uuidFromText(text: string): string {
  return uuidFromDigest(createHash('sha256').update(text).digest());
}
