import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Approvals } from '#libs/http';
import { listen, runInTransaction } from '#libs/postgres';
import type { KeyStatus, SigningKey } from './signing-key.js';
import { KEYS_CHANNEL, SigningKeysRepository } from './signing-keys.repository.js';

export const IDENTITY_DATABASE_URL: unique symbol = Symbol('identity.databaseUrl');

const EVERYBODY = { brand: '*' };

/** The keys that sign access tokens and their rotation. */
@Injectable()
export class SigningKeysService implements OnModuleDestroy {
  private stopListening: (() => Promise<void>) | null = null;

  constructor(
    private readonly dataSource: DataSource,
    private readonly keys: SigningKeysRepository,
    private readonly approvals: Approvals,
    @Inject(IDENTITY_DATABASE_URL) private readonly databaseUrl: string,
  ) {}

  async onModuleDestroy(): Promise<void> {
    await this.stopListening?.();
  }

  /** Returns the keys to publish; creates the first pair if there is none. */
  ensure(): Promise<SigningKey[]> {
    return runInTransaction(this.dataSource, EVERYBODY, async (tx) => {
      await this.keys.lock(tx);
      const found = await this.keys.published(tx);
      if (found.some((key) => key.status === 'current') && found.some((key) => key.status === 'next')) return found;
      if (!found.some((key) => key.status === 'current')) await this.keys.add(tx, 'current');
      if (!found.some((key) => key.status === 'next')) await this.keys.add(tx, 'next');
      await this.keys.announce(tx);
      return this.keys.published(tx);
    });
  }

  published(): Promise<SigningKey[]> {
    return runInTransaction(this.dataSource, EVERYBODY, (tx) => this.keys.published(tx));
  }

  /**
   * Makes the published next key current and publishes a new next key. Tokens signed by the old key stay valid until they expire.
   * After two rotations, no token signed by a leaked key is accepted once tokens issued before the first of them have expired.
   * @throws DomainError `second_person_needed`
   */
  async rotate(maker: string): Promise<SigningKey[]> {
    return this.approvals.guarded((approve) =>
      runInTransaction(this.dataSource, EVERYBODY, async (tx) => {
        await this.keys.lock(tx);
        const published = await this.keys.published(tx);
        const kidOf = (status: KeyStatus): string | null => published.find((key) => key.status === status)?.kid ?? null;
        const payload = { retire: kidOf('current'), promote: kidOf('next') };
        await this.keys.forgetExpired(tx);
        await this.keys.promote(tx);
        await this.keys.add(tx, 'next');
        await this.keys.announce(tx);
        await approve(tx, { act: 'signing_key.rotate', maker, payload });
        return this.keys.published(tx);
      }),
    );
  }

  /** Calls back when any instance has rotated the keys, and after a lost connection, when a notice may have been missed. */
  async onChange(callback: () => void): Promise<void> {
    this.stopListening = await listen(this.databaseUrl, KEYS_CHANNEL, callback);
  }
}
