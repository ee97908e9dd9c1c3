import { createRemoteJWKSet, customFetch } from 'jose';
import type { FetchImplementation, JWTVerifyGetKey } from 'jose';

/**
 * The issuer's public keys, from `jwksUrl` or, while that does not answer, from the same path of another instance of identity: a restart
 * of one instance refuses no caller.
 */
export function issuerKeys(jwksUrl: string, instances: readonly string[] = []): JWTVerifyGetKey {
  const { pathname } = new URL(jwksUrl);
  const others = instances.map((base) => base + pathname).filter((url) => url !== jwksUrl);
  return createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: 3_000,
    cooldownDuration: 5_000,
    cacheMaxAge: 300_000,
    [customFetch]: (url, options) => fromAny([url, ...others], options),
  });
}

async function fromAny(
  [url = '', ...others]: readonly string[],
  options: Parameters<FetchImplementation>[1],
): Promise<Response> {
  try {
    const answer = await fetch(url, options);
    return answer.ok || others.length === 0 ? answer : await fromAny(others, options);
  } catch (error) {
    if (others.length === 0) throw error;
    return fromAny(others, options);
  }
}
