import { HezongClient, HezongProblem } from '#libs/sdk';
import type { Credentials, SandboxFile } from './sandbox-file.js';

/**
 * The partner client, for the few calls that set up a network and report on it. The calls are unattended, so the client waits two
 * minutes for a network that is down.
 */
export function clientOf(
  { gateway, tokenUrl }: Pick<SandboxFile, 'gateway' | 'tokenUrl'>,
  { clientId, clientSecret }: Credentials,
): HezongClient {
  const retries = { attempts: Infinity, patienceMs: 120_000, maxMs: 2_000 };
  return new HezongClient({ gateway, tokenUrl, clientId, clientSecret, timeoutMs: 30_000, retries });
}

/** Null when the requested object does not exist. */
export async function ifThere<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof HezongProblem && error.status === 404) return null;
    throw error;
  }
}
