import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { NettingService } from '../netting/netting.service.js';
import type { Party } from '../parties/party.js';
import { inOrder, positionsOf } from './position.js';
import type { ConfirmedPosition, Position } from './position.js';
import { PositionsRepository } from './positions.repository.js';

/** What parties owe each other for a cycle, binding from its confirmation on. */
@Injectable()
export class PositionsService {
  constructor(
    private readonly netting: NettingService,
    private readonly repository: PositionsRepository,
  ) {}

  /** Computes the positions from the lines less those in dispute, and keeps them for good. `told` is what statements said. */
  async confirm(
    tx: EntityManager,
    cycle: string,
    told: ReadonlyMap<Party, bigint>,
    brands: readonly string[],
  ): Promise<Position[]> {
    const nets = await this.netting.undisputed(tx, cycle);
    const stated = new Map(positionsOf(told, brands).map(({ party, net }) => [party, net]));
    const positions = [...stated].map(([party, net]) => {
      const undisputed = nets.get(party) ?? 0n;
      return { party, net: undisputed, disputed: net - undisputed };
    });
    await this.repository.insert(tx, cycle, positions);
    return inOrder(positions);
  }

  /** As confirmed. */
  async ofCycle(tx: EntityManager, cycle: string): Promise<ConfirmedPosition[]> {
    return inOrder(await this.repository.ofCycle(tx, cycle));
  }

  /** Ids of lines that stand as disputed. */
  disputed(tx: EntityManager, cycle: string): Promise<string[]> {
    return this.repository.disputed(tx, cycle);
  }

  /** As the lines give them by the database's own arithmetic. */
  fromLines(tx: EntityManager, cycle: string): Promise<ConfirmedPosition[]> {
    return this.repository.fromLines(tx, cycle);
  }
}
