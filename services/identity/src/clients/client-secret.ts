import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const BYTES = 32;

/** A new secret: 256 random bits under a prefix that leak scanners can look for (`hzs_` and 43 letters of base64url). */
export function newClientSecret(): string {
  return `hzs_${randomBytes(BYTES).toString('base64url')}`;
}

/**
 * What is kept of a secret. A fast hash is right here: slow, salted ones protect what people choose and what can be
 * guessed; 256 random bits can't, and a slow hash would only make the token endpoint a cheap target for overload.
 */
export function hashClientSecret(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}

/** Compares with every live hash, always all of them, in constant time each. */
export function matchesAny(secret: string, hashes: readonly Uint8Array[]): boolean {
  const given = hashClientSecret(secret);
  let found = false;
  for (const hash of hashes) {
    if (hash.length === given.length && timingSafeEqual(given, hash)) found = true;
  }
  return found;
}
