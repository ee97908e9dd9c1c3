import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { StandingsRepository } from './standings.repository.js';

/** Who has a standing and when it is judged next, for features that change what standings follow from. */
@Injectable()
export class StandingRowsService {
  constructor(private readonly repository: StandingsRepository) {}

  /** These wallets are to be judged at an instant, if not before. */
  judgeAt(tx: EntityManager, wallets: readonly string[], at: Date): Promise<void> {
    return this.repository.bringForward(tx, wallets, at);
  }

  /** Wallets after one of them, in order. */
  async walletsAfter(tx: EntityManager, last: string, limit: number): Promise<string[]> {
    return (await this.repository.page(tx, last, limit)).map(({ walletId }) => walletId);
  }
}
