import { fail } from '#libs/kernel';

/** Versioned secrets: the current one writes, the others can still read. */
export interface Keyring {
  readonly current: number;
  readonly keys: ReadonlyMap<number, Buffer>;
}

const ENTRY = /^([1-9]\d{0,3}):([A-Za-z0-9+/]+={0,2})$/;

/**
 * Parses `1:<base64>,2:<base64>`; the highest version is current. Faults never contain the secret.
 * @param minBytes minimum length of a secret; with `exactly` the exact length
 */
export function parseKeyring(text: string, minBytes: number, exactly = false): Keyring | { fault: string } {
  const keys = new Map<number, Buffer>();
  for (const part of text.split(',')) {
    const match = ENTRY.exec(part.trim());
    if (match === null) return { fault: 'must be version:base64, comma-separated, such as 1:…,2:…' };
    const version = Number(match[1]);
    const key = Buffer.from(match[2] ?? '', 'base64');
    if (exactly ? key.length !== minBytes : key.length < minBytes) {
      return { fault: `version ${version} must have ${exactly ? '' : 'at least '}${minBytes} bytes` };
    }
    if (keys.has(version)) return { fault: `version ${version} is given twice` };
    keys.set(version, key);
  }
  return { current: Math.max(...keys.keys()), keys };
}

/** The same secrets with another version for writing: the first half of a rolling rotation. */
export function withCurrent(ring: Keyring, current: number): Keyring {
  if (!ring.keys.has(current)) throw new Error(`there is no secret of version ${current}`);
  return { current, keys: ring.keys };
}

/**
 * The secret of a version.
 * @throws DomainError `vault_key_missing` naming the version
 */
export function secretOf(ring: Keyring, version: number): Buffer {
  const secret = ring.keys.get(version);
  return secret ?? fail('vault_key_missing', { detail: `Version ${version} of VAULT_KEYS is missing.` });
}
