import { z } from 'zod';
import { monotonicMs } from '#libs/kernel';

export interface TokenRequest {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
}

const PATIENCE_MS = 5_000;
/** Tokens are not used this long before they expire: they must still be valid when the broker checks them. */
const MARGIN_MS = 10_000;

const answer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive().default(60) });

/** Access tokens by the client credentials grant (RFC 6749, 4.4), each reused while it is valid. */
export function tokenProvider(request: TokenRequest): () => Promise<{ value: string }> {
  let current: { value: string; until: number } | null = null;
  return async () => {
    if (current === null || current.until <= monotonicMs()) current = await ask(request);
    return { value: current.value };
  };
}

async function ask({ url, clientId, clientSecret, scope }: TokenRequest): Promise<{ value: string; until: number }> {
  const asked = monotonicMs();
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':');
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === '' ? {} : { scope }) }),
    redirect: 'error',
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) throw new Error(`the token endpoint for Kafka answers ${response.status}`);
  const { access_token: value, expires_in: seconds } = answer.parse(await response.json());
  return { value, until: asked + seconds * 1_000 - MARGIN_MS };
}
