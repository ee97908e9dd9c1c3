import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const NONCE = 12;
const TAG = 16;

/** Encrypts a private key for the database with AES-256-GCM, bound to its kid so that rows cannot be swapped. */
export function sealKey(encryptionKey: Buffer, kid: string, privateJwk: object): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', encryptionKey, nonce).setAAD(Buffer.from(kid));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(privateJwk), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

/** @throws Error if the encryption key is a different one, or the row was tampered with */
export function openKey(encryptionKey: Buffer, kid: string, sealed: Buffer): Record<string, unknown> {
  const decipher = createDecipheriv('aes-256-gcm', encryptionKey, sealed.subarray(0, NONCE), { authTagLength: TAG })
    .setAAD(Buffer.from(kid))
    .setAuthTag(sealed.subarray(NONCE, NONCE + TAG));
  try {
    const text = Buffer.concat([decipher.update(sealed.subarray(NONCE + TAG)), decipher.final()]).toString('utf8');
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Error(`signing key ${kid} does not open: KEY_ENCRYPTION_KEY is not the one it was sealed with`);
  }
}
