import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';

import { AllianceClock } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import type { WalletNumbers } from '../postings/posting.js';
import { PostingsService } from '../postings/postings.service.js';
import { WalletRepository } from './wallet.repository.js';

/** Reads wallets after doing the work due in them. */
@Injectable()
export class WalletReaderService {
  private readonly log = new Logger(WalletReaderService.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly postings: PostingsService,
    private readonly repository: WalletRepository,
  ) {}

  async numbers(walletId: string): Promise<WalletNumbers> {
    return this.read(walletId, (_tx, numbers) => Promise.resolve(numbers));
  }

  /** Does the work due in the wallet, then reads it and its parts in one snapshot. */
  async read<T>(walletId: string, work: (tx: EntityManager, numbers: WalletNumbers) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      const now = this.clock.now();
      const result = await runInTransaction(
        this.dataSource,
        { brand: '*' },
        async (tx) => {
          const { numbers, due } = await this.repository.wallet(tx, walletId, now);
          return due && attempt === 0 ? null : { value: await work(tx, numbers) };
        },
        { isolation: 'REPEATABLE READ' },
      );
      if (result !== null) return result.value;
      await this.settle(walletId, now);
    }
  }

  /** A wallet that cannot be settled at the moment is shown as last written: a read must not fail for that. */
  private async settle(walletId: string, now: Date): Promise<void> {
    try {
      await this.postings.settle(walletId, now);
    } catch (error) {
      this.log.warn(error);
    }
  }
}
