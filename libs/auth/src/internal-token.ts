import { SignJWT } from 'jose';
import { systemNow } from '#libs/kernel';
import { INTERNAL_AUDIENCE } from './scopes.js';

const LIFETIME_S = 60;
const RENEW_BEFORE_S = 20;

/** Bytes of the key that services share; the configuration holds it as text. */
export function internalKeyBytes(internalKey: string): Uint8Array {
  return new TextEncoder().encode(internalKey);
}

/** A token for a call of one service to another: HS256, 60 seconds. */
export async function internalToken(config: { internalKey: string }, service: string): Promise<string> {
  const now = Math.floor(systemNow().getTime() / 1_000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(service)
    .setAudience(INTERNAL_AUDIENCE)
    .setIssuedAt(now)
    .setExpirationTime(now + LIFETIME_S)
    .sign(internalKeyBytes(config.internalKey));
}

/** Keeps one internal token at hand and renews it in time. */
export class InternalTokens {
  private held: { token: Promise<string>; until: number } | null = null;

  constructor(
    private readonly config: { internalKey: string },
    private readonly service: string,
  ) {}

  token(): Promise<string> {
    const now = systemNow().getTime();
    if (this.held === null || now >= this.held.until) {
      this.held = {
        token: internalToken(this.config, this.service),
        until: now + (LIFETIME_S - RENEW_BEFORE_S) * 1_000,
      };
    }
    return this.held.token;
  }
}
