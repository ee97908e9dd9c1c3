import { SignJWT, importJWK } from 'jose';
import type { PrivateKey } from '#libs/config';
import { systemNow } from '#libs/kernel';
import { serviceOfKey } from './internal-key.js';
import { INTERNAL_TYPE, internalAudience } from './scopes.js';

const LIFETIME_S = 60;
const RENEW_BEFORE_S = 20;

export interface SigningConfig {
  readonly internalSigningKey: PrivateKey;
}

/** A token for calls to other services: ES256 with the caller's own key, 60 seconds, valid only at the named services. */
export async function internalToken({ internalSigningKey }: SigningConfig, to: readonly string[]): Promise<string> {
  const now = Math.floor(systemNow().getTime() / 1_000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', typ: INTERNAL_TYPE, kid: internalSigningKey.kid })
    .setSubject(serviceOfKey(internalSigningKey.kid))
    .setAudience(to.map(internalAudience))
    .setIssuedAt(now)
    .setExpirationTime(now + LIFETIME_S)
    .sign(await importJWK({ ...internalSigningKey }, 'ES256'));
}

/** Caches one token per addressee and renews it before it expires. */
export class InternalTokens {
  private readonly held = new Map<string, { token: Promise<string>; until: number }>();

  constructor(private readonly config: SigningConfig) {}

  token(to: readonly string[]): Promise<string> {
    const now = systemNow().getTime();
    const name = to.join();
    const known = this.held.get(name);
    if (known !== undefined && now < known.until) return known.token;
    const token = internalToken(this.config, to);
    this.held.set(name, { token, until: now + (LIFETIME_S - RENEW_BEFORE_S) * 1_000 });
    return token;
  }
}
