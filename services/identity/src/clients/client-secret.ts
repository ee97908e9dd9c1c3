import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const BYTES = 32;

/** Generates a secret: `hzs_`, a prefix that leak scanners can look for, and 256 random bits as 43 letters of base64url. */
export function newClientSecret(): string {
  return `hzs_${randomBytes(BYTES).toString('base64url')}`;
}

/**
 * Hashes a secret for storage. A fast hash is enough: slow, salted hashes protect secrets that can be guessed, and 256 random bits
 * cannot. A slow hash would make the token endpoint an easy target for overload.
 */
export function hashClientSecret(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}

/** Compares a secret with every live hash, each in constant time and without stopping early. */
export function matchesAny(secret: string, hashes: readonly Uint8Array[]): boolean {
  const given = hashClientSecret(secret);
  let found = false;
  for (const hash of hashes) {
    if (hash.length === given.length && timingSafeEqual(given, hash)) found = true;
  }
  return found;
}
