import { OPERATOR_SCOPE } from '#libs/auth';
import { newId, randomRef } from '#libs/kernel';
import { createClient } from '#libs/postgres';
import { hashClientSecret, matchesAny, newClientSecret } from './client-secret.js';

export interface ClientCredentials {
  clientId: string;
  clientSecret: string;
}

/** The operator's two clients of a new network. Acts that need two people need both. */
export interface OperatorCredentials extends ClientCredentials {
  second: ClientCredentials;
}

const NAMES = ['operator', 'second operator'] as const;
const MOST_KEPT = 1;

/**
 * Creates the two operator clients as the owner role, without a running service: the first step of a new network. Secrets are stored
 * as hashes and cannot be read back. A secret that the caller passes is returned if it still works; otherwise the client gets a new
 * secret, and only the newest of its older secrets stays valid.
 */
export async function bootstrapOperator(
  ownerUrl: string,
  known?: ClientCredentials & { second?: ClientCredentials },
): Promise<OperatorCredentials> {
  const db = createClient(ownerUrl, 'hezong-bootstrap');
  await db.connect();
  try {
    await db.query('begin');
    await db.query(`select set_config('hezong.brand', '*', true)`);
    // concurrent starts must not create two operators
    await db.query('select pg_advisory_xact_lock(715003)');
    const credentials = await ensure(db, NAMES[0], known);
    const second = await ensure(db, NAMES[1], known?.second);
    await db.query('commit');
    return { ...credentials, second };
  } finally {
    await db.end();
  }
}

async function ensure(
  db: ReturnType<typeof createClient>,
  name: string,
  known: ClientCredentials | undefined,
): Promise<ClientCredentials> {
  const found = await db.query<{ client_id: string; hashes: Buffer[] }>(
    `select client_id, array(select hash from client_secret s where s.client_id = client.client_id and s.revoked_at is null) as hashes
       from client where kind = 'operator' and name = $1 and made_by is null and revoked_at is null order by created_at limit 1`,
    [name],
  );
  const existing = found.rows[0];
  if (
    known !== undefined &&
    existing?.client_id === known.clientId &&
    matchesAny(known.clientSecret, existing.hashes)
  ) {
    return { clientId: known.clientId, clientSecret: known.clientSecret };
  }
  const clientId = existing?.client_id ?? randomRef('cl');
  if (existing === undefined) {
    await db.query(`insert into client (client_id, kind, name, scopes) values ($1, 'operator', $2, $3)`, [
      clientId,
      name,
      [OPERATOR_SCOPE],
    ]);
  } else {
    await db.query(
      `update client_secret set revoked_at = clock_timestamp()
        where revoked_at is null and secret_id in
              (select secret_id from client_secret where client_id = $1 and revoked_at is null
                order by secret_id desc offset $2)`,
      [clientId, MOST_KEPT],
    );
  }
  const clientSecret = newClientSecret();
  await db.query('insert into client_secret (secret_id, client_id, hash) values ($1, $2, $3)', [
    newId('cs'),
    clientId,
    hashClientSecret(clientSecret),
  ]);
  return { clientId, clientSecret };
}
