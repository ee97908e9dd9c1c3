import { createLocalJWKSet, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import type { PublicKey } from '#libs/config';
import { DomainError, isDomainError, systemNow } from '#libs/kernel';
import type { Caller } from './caller.js';
import { serviceOfKey } from './internal-key.js';
import { issuerKeys } from './issuer-keys.js';
import type { Revocations } from './revocations.js';
import { API_AUDIENCE, INTERNAL_TYPE, internalAudience } from './scopes.js';

const CACHE_SIZE = 10_000;
const CLOCK_TOLERANCE_S = 5;
const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/;

export interface VerifierConfig {
  issuer: string;
  jwksUrl: string;
  /** Public keys of all services; during a rotation a service has two. */
  internalKeys: { keys: PublicKey[] };
}

interface Verified {
  caller: Caller;
  /** The client secret that obtained the token; null if it was obtained otherwise. */
  secretId: string | null;
  /** Milliseconds of real time. */
  expiresAt: number;
}

/**
 * Turns bearer tokens into callers. A token's signature is checked once; the result is kept until the token expires, or until its client
 * or the secret that obtained it is revoked.
 */
export class TokenVerifier {
  private readonly verified = new Map<string, Verified>();
  private readonly internalKeys: JWTVerifyGetKey;

  /** @param service name of this service: it refuses internal tokens for others */
  constructor(
    private readonly config: VerifierConfig,
    private readonly service: string,
    private readonly revocations: Pick<Revocations, 'has' | 'ready'>,
    private readonly keys: JWTVerifyGetKey = issuerKeys(config.jwksUrl),
  ) {
    this.internalKeys = createLocalJWKSet(config.internalKeys);
  }

  /** The caller of a known token, without a promise: this is the hot path. Null when the token must be verified. */
  cached(token: string): Caller | null {
    const hit = this.verified.get(token);
    if (hit === undefined) return null;
    if (hit.expiresAt > systemNow().getTime() && !this.isRevoked(hit)) return hit.caller;
    this.verified.delete(token);
    return null;
  }

  /**
   * @throws DomainError `token_invalid`; `unavailable` when the issuer's keys cannot be fetched
   */
  async verify(token: string): Promise<Caller> {
    const known = this.cached(token);
    if (known !== null) return known;
    try {
      const { payload, caller } = await this.check(token);
      const secretId = typeof payload['secret_id'] === 'string' ? payload['secret_id'] : null;
      await this.revocations.ready();
      if (this.isRevoked({ caller, secretId })) throw new DomainError('token_invalid');
      this.remember(token, { caller, secretId, expiresAt: (payload.exp ?? 0) * 1_000 });
      return caller;
    } catch (error) {
      if (isDomainError(error)) throw error;
      if (isRefusal(error)) throw new DomainError('token_invalid', {}, { cause: error });
      throw new DomainError('unavailable', {}, { cause: error });
    }
  }

  private isRevoked({ caller, secretId }: Pick<Verified, 'caller' | 'secretId'>): boolean {
    if (caller.kind === 'internal') return false;
    return this.revocations.has(caller.clientId) || (secretId !== null && this.revocations.has(secretId));
  }

  /** The type selects the keys and the audience together, so neither kind of token is accepted as the other. */
  private async check(token: string): Promise<{ payload: JWTPayload; caller: Caller }> {
    const now = systemNow();
    if (decodeProtectedHeader(token).typ === INTERNAL_TYPE) {
      const { payload, protectedHeader } = await jwtVerify(token, this.internalKeys, {
        algorithms: ['ES256'],
        typ: INTERNAL_TYPE,
        audience: internalAudience(this.service),
        requiredClaims: ['exp', 'sub'],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: now,
      });
      // the owner of the key identifies the caller, not the claims
      const service = serviceOfKey(protectedHeader.kid ?? '');
      if (payload.sub !== service) throw new errors.JWTClaimValidationFailed('signed by another service', payload);
      return { payload, caller: { kind: 'internal', service } };
    }
    const access = await jwtVerify(token, this.keys, {
      algorithms: ['ES256'],
      typ: 'at+jwt',
      issuer: this.config.issuer,
      audience: API_AUDIENCE,
      requiredClaims: ['exp', 'client_id'],
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: now,
    });
    return { payload: access.payload, caller: callerFrom(access.payload) };
  }

  private remember(token: string, entry: Verified): void {
    if (this.verified.size >= CACHE_SIZE) {
      const oldest = this.verified.keys().next();
      if (oldest.done !== true) this.verified.delete(oldest.value);
    }
    this.verified.set(token, entry);
  }
}

function callerFrom(payload: JWTPayload): Caller {
  const clientId = payload['client_id'];
  const brand = payload['brand'];
  const scopes = typeof payload['scope'] === 'string' ? payload['scope'].split(' ') : [];
  if (typeof clientId === 'string') {
    if (typeof brand === 'string' && SLUG.test(brand)) return { kind: 'brand', brand, clientId, scopes };
    if (brand === undefined && payload['role'] === 'operator') return { kind: 'operator', clientId, scopes };
  }
  throw new errors.JWTClaimValidationFailed('neither a brand nor an operator', payload);
}

const REFUSALS = /^ERR_(JWT|JWS|JWKS_NO_MATCHING_KEY|JWKS_MULTIPLE|JOSE_ALG|JOSE_NOT_SUPPORTED)/;

/** Whether the token itself is at fault, rather than the fetching of keys. */
function isRefusal(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'string') return REFUSALS.test(code);
  return Reflect.get(error, 'name') === 'TypeError' && Reflect.get(error, 'message') !== 'fetch failed';
}
