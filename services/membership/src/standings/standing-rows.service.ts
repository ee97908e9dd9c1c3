import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { StandingsRepository } from './standings.repository.js';

/** Rows of standings and their next judgement, for features that change the inputs of standings. */
@Injectable()
export class StandingRowsService {
  constructor(private readonly repository: StandingsRepository) {}

  /** Schedules these wallets to be judged at an instant or earlier. */
  judgeAt(tx: EntityManager, wallets: readonly string[], at: Date): Promise<void> {
    return this.repository.bringForward(tx, wallets, at);
  }

  /** Wallets after `last`, in order. */
  async walletsAfter(tx: EntityManager, last: string, limit: number): Promise<string[]> {
    return (await this.repository.page(tx, last, limit)).map(({ walletId }) => walletId);
  }
}
