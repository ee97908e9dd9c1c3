import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { groupBy } from '#libs/kernel';
import type { StoredRow } from '#libs/postgres';
import type { AuthenticatableClient, Client, LiveSecret, SecretInfo } from './client.js';
import { CLIENTS } from './clients.tables.js';

function liveSecret(text: string): LiveSecret {
  const [secretId = '', hash = ''] = text.split(':');
  return { secretId, hash };
}

@Injectable()
export class ClientsRepository {
  async insert(tx: EntityManager, client: Omit<Client, 'createdAt'>, madeBy: string): Promise<Client> {
    const [row] = await CLIENTS.insert(tx, [{ ...client, madeBy }], 'returning *');
    if (row === undefined) throw new Error('insert returned no row');
    return CLIENTS.fromRow(row);
  }

  /** Finds a client for the token endpoint. A revoked client is treated as unknown. */
  async findToAuthenticate(tx: EntityManager, clientId: string): Promise<AuthenticatableClient | null> {
    const rows: (StoredRow & { readonly secrets: string[] })[] = await tx.query(
      `select *, array(select secret_id || ':' || encode(hash, 'hex') from client_secret s
                                 where s.client_id = client.client_id and s.revoked_at is null
                                 order by secret_id) as secrets
         from client where client_id = $1 and revoked_at is null`,
      [clientId],
    );
    const row = rows[0];
    return row === undefined
      ? null
      : { ...CLIENTS.fromRow(row), secrets: row.secrets.map(liveSecret), standsStill: false };
  }

  /** Whether a brand has never had a client. Until the transaction ends no other one creates a client of that brand. */
  async lockIfNone(tx: EntityManager, brand: string): Promise<boolean> {
    await tx.query('select pg_advisory_xact_lock(715005, hashtext($1))', [brand]);
    const rows: unknown[] = await tx.query('select 1 from client where brand = $1 limit 1', [brand]);
    return rows.length === 0;
  }

  /** Finds a live client of a brand and locks it against changes of its secrets. */
  async lockOfBrand(tx: EntityManager, brand: string, clientId: string): Promise<Client | null> {
    const [client] = await CLIENTS.query(
      tx,
      'select * from client where brand = $1 and client_id = $2 and revoked_at is null for update',
      [brand, clientId],
    );
    return client ?? null;
  }

  /** Finds and locks all live operator clients, always in the same order: whether one may be removed depends on the others. */
  lockOfOperator(tx: EntityManager): Promise<Client[]> {
    return CLIENTS.query(
      tx,
      `select * from client where kind = 'operator' and revoked_at is null order by client_id for update`,
    );
  }

  /** Tells whether the operator could still obtain tokens without this client: another one has a live secret or its own key. */
  async operatorHasAnother(tx: EntityManager, clientId: string): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `select 1 from client c
        where kind = 'operator' and revoked_at is null and client_id <> $1
          and (jwks is not null
               or exists (select 1 from client_secret s where s.client_id = c.client_id and s.revoked_at is null))
        limit 1`,
      [clientId],
    );
    return rows.length > 0;
  }

  /** Lists clients revoked so recently that their tokens may still be valid. */
  async revokedWithin(tx: EntityManager, seconds: number): Promise<string[]> {
    const rows: { client_id: string }[] = await tx.query(
      `select client_id from client where revoked_at > clock_timestamp() - make_interval(secs => $1) order by client_id`,
      [seconds],
    );
    return rows.map((row) => row.client_id);
  }

  /** Lists secrets revoked so recently that tokens obtained with them may still be valid, whether or not the client is revoked. */
  async secretsRevokedWithin(tx: EntityManager, seconds: number): Promise<string[]> {
    const rows: { secret_id: string }[] = await tx.query(
      `select secret_id from client_secret where revoked_at > clock_timestamp() - make_interval(secs => $1) order by secret_id`,
      [seconds],
    );
    return rows.map((row) => row.secret_id);
  }

  /** Returns one page by id, with one row more than the limit: the clients of a brand, or (null) of the operator. */
  list(tx: EntityManager, brand: string | null, after: string, limit: number): Promise<Client[]> {
    return CLIENTS.query(
      tx,
      `select * from client
        where ${brand === null ? `$1::text is null and kind = 'operator'` : 'brand = $1'}
          and revoked_at is null and client_id > $2 order by client_id limit $3`,
      [brand, after, limit + 1],
    );
  }

  async revoke(tx: EntityManager, clientId: string): Promise<void> {
    await tx.query('update client set revoked_at = clock_timestamp() where client_id = $1', [clientId]);
    await tx.query(
      'update client_secret set revoked_at = clock_timestamp() where client_id = $1 and revoked_at is null',
      [clientId],
    );
  }

  async addSecret(
    tx: EntityManager,
    client: Client,
    secret: { id: string; hash: Buffer; madeBy: string },
  ): Promise<SecretInfo> {
    const { id: secretId, hash, madeBy } = secret;
    const rows: { created_at: Date }[] = await tx.query(
      'insert into client_secret (secret_id, client_id, brand, hash, made_by) values ($1, $2, $3, $4, $5) returning created_at',
      [secretId, client.clientId, client.brand, hash, madeBy],
    );
    const row = rows[0];
    if (row === undefined) throw new Error('insert returned no row');
    return { secretId, createdAt: row.created_at };
  }

  async liveSecrets(tx: EntityManager, clientIds: readonly string[]): Promise<Map<string, SecretInfo[]>> {
    const rows: (SecretInfo & { clientId: string })[] = await tx.query(
      `select client_id as "clientId", secret_id as "secretId", created_at as "createdAt" from client_secret
        where client_id = any($1) and revoked_at is null order by secret_id`,
      [clientIds],
    );
    return groupBy(rows, ({ clientId }) => clientId);
  }

  /** Returns false if the client has no such live secret. */
  async revokeSecret(tx: EntityManager, clientId: string, secretId: string): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `with gone as (update client_secret set revoked_at = clock_timestamp()
                      where client_id = $1 and secret_id = $2 and revoked_at is null returning 1)
       select 1 from gone`,
      [clientId, secretId],
    );
    return rows.length > 0;
  }
}
