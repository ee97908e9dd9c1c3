import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { isSealed } from '../cycles/cycle.js';
import type { Cycle } from '../cycles/cycle.js';
import { net } from './netting.js';
import type { Netting, PriceGroup } from './netting.js';
import { NettingRepository } from './netting.repository.js';
import type { MatrixCell } from './netting.repository.js';

/** What a cycle comes to, as far as the transaction's row context may see it. */
export interface CycleResult extends Netting {
  readonly groups: readonly PriceGroup[];
  readonly matrix: readonly MatrixCell[];
}

@Injectable()
export class NettingService {
  constructor(private readonly repository: NettingRepository) {}

  /** The frozen result of a sealed cycle, or what the lines come to so far. */
  async result(tx: EntityManager, cycle: Pick<Cycle, 'id' | 'status'>): Promise<CycleResult> {
    return isSealed(cycle.status) ? this.frozen(tx, cycle.id) : this.live(tx, cycle.id);
  }

  /** What the lines of a cycle come to, whatever was frozen. */
  async live(tx: EntityManager, cycle: string): Promise<CycleResult> {
    const groups = await this.repository.liveGroups(tx, cycle);
    return { ...net(groups), groups, matrix: await this.repository.liveMatrix(tx, cycle) };
  }

  /** Computes the result from the lines and keeps it for good. */
  async freeze(tx: EntityManager, cycle: string): Promise<CycleResult> {
    const result = await this.live(tx, cycle);
    await this.repository.freeze(tx, cycle, result.groups, result.matrix);
    return result;
  }

  /** A brand's net so far or as frozen; needs only the rows the brand itself may see. */
  async netOf(tx: EntityManager, cycle: string, brand: string): Promise<bigint> {
    return net(await this.repository.liveGroups(tx, cycle)).brands.get(brand) ?? 0n;
  }

  /** Sums of all stored positions by cycle. */
  storedSums(tx: EntityManager): Promise<{ cycle: string; sum: bigint }[]> {
    return this.repository.storedSums(tx);
  }

  async frozen(tx: EntityManager, cycle: string): Promise<CycleResult> {
    const groups = await this.repository.frozenGroups(tx, cycle);
    return { ...net(groups), groups, matrix: await this.repository.frozenMatrix(tx, cycle) };
  }
}
