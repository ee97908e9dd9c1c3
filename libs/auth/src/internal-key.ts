import { generateKeyPairSync } from 'node:crypto';
import type { PrivateKey, PublicKey } from '#libs/config';

/** A new key of a service for its calls to others; `number` tells it from the ones before it. */
export function drawInternalKey(service: string, number = 1): PrivateKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '', d = '' } = privateKey.export({ format: 'jwk' });
  return { kty: 'EC', crv: 'P-256', kid: `${service}.${number}`, x, y, d };
}

/** What of a key may be known to everybody. */
export function publicPart({ kty, crv, kid, x, y }: PrivateKey): PublicKey {
  return { kty, crv, kid, x, y };
}

/** The service that a key belongs to: its `kid` is `<service>.<number>`. */
export function serviceOfKey(kid: string): string {
  return kid.slice(0, kid.lastIndexOf('.'));
}

/** What is wrong with the keys that a service was given, in words for whoever runs it; null when nothing is. */
export function internalKeyFault(
  service: string,
  config: { internalSigningKey: PrivateKey; internalKeys: { keys: readonly PublicKey[] } },
): string | null {
  const { kid, x, y } = config.internalSigningKey;
  if (serviceOfKey(kid) !== service) return `INTERNAL_SIGNING_KEY is ${kid}, which is not a key of ${service}`;
  if (config.internalKeys.keys.some((key) => key.kid === kid && key.x === x && key.y === y)) return null;
  return `INTERNAL_SIGNING_KEY ${kid} is not among INTERNAL_JWKS: nobody would accept its calls`;
}
