import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Ladder } from './ladder.js';
import { LaddersRepository } from './ladders.repository.js';

@Injectable()
export class LaddersService {
  constructor(private readonly repository: LaddersRepository) {}

  all(tx: EntityManager): Promise<Ladder[]> {
    return this.repository.all(tx);
  }

  /** The ladders, locked against changes until the transaction ends. */
  async held(tx: EntityManager): Promise<Ladder[]> {
    await this.repository.lockShared(tx);
    return this.repository.all(tx);
  }
}
