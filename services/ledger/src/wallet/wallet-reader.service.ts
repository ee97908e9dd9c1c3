import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';

import { AllianceClock } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { DueWork } from '../due/due-work.service.js';
import type { WalletNumbers } from '../posting/posting.js';
import { WalletRepository } from './wallet.repository.js';

/** Reads wallets so that what has become due by now is done before it is shown. */
@Injectable()
export class WalletReader {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly due: DueWork,
    private readonly repository: WalletRepository,
  ) {}

  /** The wallet's numbers now. */
  async numbers(walletId: string): Promise<WalletNumbers> {
    return this.read(walletId, (_tx, numbers) => Promise.resolve(numbers));
  }

  /** Reads the wallet and what belongs to it in one snapshot, after doing what is due in it. */
  async read<T>(walletId: string, work: (tx: EntityManager, numbers: WalletNumbers) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      const now = this.clock.now();
      const result = await runInTransaction(
        this.dataSource,
        { brand: '*' },
        async (tx) => {
          const { numbers, due } = await this.repository.wallet(tx, walletId, now);
          // one look is enough unless the database is so far behind that showing the old state beats waiting
          return due && attempt === 0 ? null : { value: await work(tx, numbers) };
        },
        { isolation: 'REPEATABLE READ' },
      );
      if (result !== null) return result.value;
      await this.due.run();
    }
  }
}
