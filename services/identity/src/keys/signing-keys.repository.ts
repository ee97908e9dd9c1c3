import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { openKey, sealKey } from './key-cipher.js';
import { RETIRED_FOR_S } from './signing-key.js';
import type { SigningKey } from './signing-key.js';

export const KEY_ENCRYPTION_KEY: unique symbol = Symbol('identity.keyEncryptionKey');

/** NOTIFY channel for changes of the key set. */
export const KEYS_CHANNEL = 'identity_signing_keys';

@Injectable()
export class SigningKeysRepository {
  constructor(@Inject(KEY_ENCRYPTION_KEY) private readonly encryptionKey: Buffer) {}

  async published(tx: EntityManager): Promise<SigningKey[]> {
    const rows: (Omit<SigningKey, 'privateJwk'> & { sealed: Buffer })[] = await tx.query(
      `select kid, status, created_at as "createdAt", retired_until as "retiredUntil", private_jwk as sealed from signing_key
        where status <> 'retired' or retired_until > clock_timestamp()
        order by created_at desc, kid`,
    );
    return rows.map(({ sealed, ...key }) => ({ ...key, privateJwk: openKey(this.encryptionKey, key.kid, sealed) }));
  }

  /** Serializes instances that start or rotate at the same time. */
  async lock(tx: EntityManager): Promise<void> {
    await tx.query('select pg_advisory_xact_lock(715004)');
  }

  /** Creates a P-256 key for ES256. */
  async add(tx: EntityManager, status: 'next' | 'current'): Promise<void> {
    const kid = randomBytes(12).toString('hex');
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const marks = { kid, alg: 'ES256', use: 'sig' };
    await tx.query('insert into signing_key (kid, status, public_jwk, private_jwk) values ($1, $2, $3, $4)', [
      kid,
      status,
      JSON.stringify({ ...publicKey.export({ format: 'jwk' }), ...marks }),
      sealKey(this.encryptionKey, kid, { ...privateKey.export({ format: 'jwk' }), ...marks }),
    ]);
  }

  async promote(tx: EntityManager): Promise<void> {
    await tx.query(
      `update signing_key set status = 'retired', retired_until = clock_timestamp() + make_interval(secs => $1)
        where status = 'current'`,
      [RETIRED_FOR_S],
    );
    await tx.query(`update signing_key set status = 'current' where status = 'next'`);
  }

  async forgetExpired(tx: EntityManager): Promise<void> {
    await tx.query(`delete from signing_key where status = 'retired' and retired_until <= clock_timestamp()`);
  }

  async announce(tx: EntityManager): Promise<void> {
    await tx.query('select pg_notify($1, $2)', [KEYS_CHANNEL, 'rotated']);
  }
}
