import { importJWK } from 'jose';
import type { JWK } from 'jose';
import { fail } from '#libs/kernel';
import type { PublicJwks } from './client.js';

const ALGORITHMS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['EC', ['ES256']],
  ['RSA', ['PS256', 'RS256']],
  ['OKP', ['EdDSA']],
]);
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** What is kept of a key; other members are dropped. */
const MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'use', 'alg'];
/** PostgreSQL stores no JSON with lone surrogates or NUL. */
const UNSAFE = /[\p{Cc}\p{Cs}]/u;
const MOST_KEYS = 5;

/**
 * Parses a client's public key set: EC P-256, RSA of at least 2048 bits, or Ed25519; at most five keys, so that keys can overlap
 * during rotation. A set with a private member is refused with an error, since that key is compromised.
 * @throws DomainError `validation_failed`
 */
export async function checkedJwks(value: unknown): Promise<PublicJwks> {
  const keys: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'keys') : undefined;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MOST_KEYS) {
    return refuse('/jwks/keys', 'malformed', `One to ${MOST_KEYS} keys are needed.`);
  }
  const checked = await Promise.all(keys.map((key: unknown, index) => checkedKey(key, `/jwks/keys/${index}`)));
  return { keys: checked };
}

async function checkedKey(key: unknown, pointer: string): Promise<Record<string, unknown>> {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) {
    return refuse(pointer, 'malformed', 'A JSON Web Key is needed.');
  }
  if (PRIVATE_MEMBERS.some((member) => member in key)) {
    return refuse(
      pointer,
      'private_key',
      'This is a private key. Send public keys only, and never use this one again.',
    );
  }
  const jwk = Object.fromEntries(Object.entries(key).filter(([member]) => MEMBERS.includes(member)));
  for (const [member, value] of Object.entries(jwk)) {
    if (typeof value !== 'string') return refuse(`${pointer}/${member}`, 'not_a_string', 'Must be a string.');
    if (UNSAFE.test(value)) {
      return refuse(`${pointer}/${member}`, 'control_character', 'Must not contain control characters.');
    }
  }
  const algorithms = ALGORITHMS.get(jwk['kty']) ?? [];
  const algorithm = jwk['alg'] === undefined ? algorithms[0] : algorithms.find((known) => known === jwk['alg']);
  if (algorithm === undefined || (jwk['use'] ?? 'sig') !== 'sig') {
    return refuse(pointer, 'not_allowed', 'Signing keys for ES256, PS256, RS256 or EdDSA are taken.');
  }
  try {
    const imported = await importJWK(jwk as JWK, algorithm);
    const details: unknown = imported instanceof Uint8Array ? undefined : Reflect.get(imported, 'algorithm');
    const bits: unknown =
      typeof details === 'object' && details !== null ? Reflect.get(details, 'modulusLength') : undefined;
    if (typeof bits === 'number' && bits < 2_048) return refuse(pointer, 'too_short', 'RSA keys need 2048 bits.');
  } catch (error) {
    if (error instanceof Error && Reflect.has(error, 'details')) throw error;
    return refuse(pointer, 'malformed', 'The key cannot be read.');
  }
  return { ...jwk, alg: algorithm, use: 'sig' };
}

function refuse(pointer: string, code: string, detail: string): never {
  return fail('validation_failed', { errors: [{ pointer, code, detail }] });
}
