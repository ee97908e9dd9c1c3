import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { NettingService } from '../netting/netting.service.js';
import type { Party } from '../parties/party.js';
import { inOrder, positionsOf } from './position.js';
import type { ConfirmedPosition, Position } from './position.js';
import { PositionsRepository } from './positions.repository.js';

/** Net positions of parties for a cycle, binding from its confirmation. */
@Injectable()
export class PositionsService {
  constructor(
    private readonly netting: NettingService,
    private readonly repository: PositionsRepository,
  ) {}

  /**
   * Computes the positions from the lines minus those in dispute and stores them permanently. `told` holds the nets of the
   * statements.
   */
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

  async ofCycle(tx: EntityManager, cycle: string): Promise<ConfirmedPosition[]> {
    return inOrder(await this.repository.ofCycle(tx, cycle));
  }

  disputed(tx: EntityManager, cycle: string): Promise<string[]> {
    return this.repository.disputed(tx, cycle);
  }

  /** Positions from the lines, computed by the database. */
  fromLines(tx: EntityManager, cycle: string): Promise<ConfirmedPosition[]> {
    return this.repository.fromLines(tx, cycle);
  }
}
