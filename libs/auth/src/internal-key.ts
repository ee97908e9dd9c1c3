import { generateKeyPairSync } from 'node:crypto';
import type { PrivateKey, PublicKey } from '#libs/config';

/** A new key of a service for its calls to others; `number` distinguishes it from earlier ones. */
export function drawInternalKey(service: string, number = 1): PrivateKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '', d = '' } = privateKey.export({ format: 'jwk' });
  return { kty: 'EC', crv: 'P-256', kid: `${service}.${number}`, x, y, d };
}

export function publicPart({ kty, crv, kid, x, y }: PrivateKey): PublicKey {
  return { kty, crv, kid, x, y };
}

/** The service that owns a key: its `kid` is `<service>.<number>`. */
export function serviceOfKey(kid: string): string {
  return kid.slice(0, kid.lastIndexOf('.'));
}

/** Fault in the keys given to a service, as text for its operators; null when there is none. */
export function internalKeyFault(
  service: string,
  config: { internalSigningKey: PrivateKey; internalKeys: { keys: readonly PublicKey[] } },
): string | null {
  const { kid, x, y } = config.internalSigningKey;
  if (serviceOfKey(kid) !== service) return `INTERNAL_SIGNING_KEY is ${kid}, which is not a key of ${service}`;
  if (config.internalKeys.keys.some((key) => key.kid === kid && key.x === x && key.y === y)) return null;
  return `INTERNAL_SIGNING_KEY ${kid} is not in INTERNAL_JWKS: no service would accept its calls`;
}
