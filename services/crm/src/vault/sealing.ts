import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { canonicalJson } from '#libs/kernel';
import type { Contact } from '../contacts/contact.js';
import { secretOf } from './keyring.js';
import type { Keyring } from './keyring.js';

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** An encrypted contact point: nonce, tag and ciphertext together, with the version of the key. */
export interface Sealed {
  readonly keyVersion: number;
  readonly bytes: Buffer;
}

/** A value found by a keyed hash: a contact point, or the stand-in for an external id. */
export interface Hashed {
  readonly kind: Contact['kind'] | 'external_id';
  readonly value: string;
}

export interface IndexHash {
  readonly version: number;
  readonly hash: Buffer;
}

/** Encrypts with AES-256-GCM. The contact point's id is authenticated, so a ciphertext cannot be moved to another row. */
export function seal(keys: Keyring, contactId: string, value: string): Sealed {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', secretOf(keys, keys.current), iv);
  cipher.setAAD(Buffer.from(contactId));
  const body = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
  return { keyVersion: keys.current, bytes: Buffer.concat([iv, cipher.getAuthTag(), body]) };
}

/** Decrypts. Throws if a byte, the key or the row differs from those at sealing. */
export function open(keys: Keyring, contactId: string, sealed: Sealed): string {
  const iv = sealed.bytes.subarray(0, IV_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', secretOf(keys, sealed.keyVersion), iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(contactId));
  decipher.setAuthTag(sealed.bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return decipher.update(sealed.bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
}

function keyedHash(pepper: Buffer, { kind, value }: Hashed): Buffer {
  return createHmac('sha256', pepper).update(`${kind}:${value}`).digest();
}

/** The hash a contact point is stored under. */
export function currentHash(peppers: Keyring, contact: Contact): IndexHash {
  return { version: peppers.current, hash: keyedHash(secretOf(peppers, peppers.current), contact) };
}

/** All hashes that a value may be stored under, the current one first. */
export function acceptedHashes(peppers: Keyring, content: Hashed): IndexHash[] {
  const versions = [...peppers.keys.keys()].sort((a, b) =>
    a === peppers.current ? -1 : b === peppers.current ? 1 : a - b,
  );
  return versions.map((version) => ({ version, hash: keyedHash(secretOf(peppers, version), content) }));
}

/**
 * Lock shared by two calls about the same contact point, whichever version they write: 64 bits of its hash under the lowest
 * accepted version, which all instances share during the roll-out of a new pepper.
 */
export function lockKey(peppers: Keyring, contact: Contact): string {
  const lowest = Math.min(...peppers.keys.keys());
  return keyedHash(secretOf(peppers, lowest), contact).readBigInt64BE(0).toString();
}

/**
 * A keyed hash of a whole request, to recognize a repeat without keeping its personal data. A plain hash could be tested against a
 * list of phone numbers, which the vault's index prevents.
 */
export function contentHash(peppers: Keyring, version: number, content: unknown): Buffer | null {
  const pepper = peppers.keys.get(version);
  if (pepper === undefined) return null;
  return createHmac('sha256', pepper)
    .update(`content:${canonicalJson(content)}`)
    .digest()
    .subarray(0, 16);
}
