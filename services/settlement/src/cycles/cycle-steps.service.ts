import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { IdempotentOutcome } from '#libs/http';
import { formatInstant, sumToJson } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { netByEntity } from '../netting/netting.js';
import { NettingService } from '../netting/netting.service.js';
import type { CycleResult } from '../netting/netting.service.js';
import { partyName } from '../parties/party.js';
import { positionsOf } from '../positions/position.js';
import type { Position } from '../positions/position.js';
import { PositionsService } from '../positions/positions.service.js';
import { StatementFreezeService } from '../statements/statement-freeze.service.js';
import { microToText } from '../statements/money.js';
import { VerificationService } from '../verification/verification.service.js';
import { isConfirmed, isSealed } from './cycle.js';
import type { Cycle, CycleStep } from './cycle.js';
import { CyclesService } from './cycles.service.js';
import { SettledService } from './settled.service.js';

/** The steps of a cycle and its results as the operator sees them. */
@Injectable()
export class CycleStepsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly cycles: CyclesService,
    private readonly settled: SettledService,
    private readonly netting: NettingService,
    private readonly statements: StatementFreezeService,
    private readonly positions: PositionsService,
    private readonly verification: VerificationService,
    private readonly directory: BrandDirectory,
  ) {}

  /** @throws DomainError `not_found`, `cycle_state`, `cycle_not_settled` */
  async step(id: string, step: CycleStep, caller: string, key?: string): Promise<IdempotentOutcome> {
    // the wait holds no lock, so lines keep arriving while it lasts
    if (step === 'freeze' && (await this.cycles.get(id)).status === 'cut_off') await this.settled.wait();
    const call = { caller, brand: '*', route: `cycles.${step}`, key, body: { cycle: id } };
    return idempotent(this.dataSource, call, async (tx) => {
      const cycle = await this.cycles.take(tx, id, step);
      switch (step) {
        case 'cut-off':
          await this.cycles.advance(tx, cycle, step, []);
          break;
        case 'freeze':
          await this.freeze(tx, cycle);
          break;
        case 'confirm':
          await this.confirm(tx, cycle);
          break;
        case 'close':
          await this.cycles.advance(tx, cycle, step, await this.positions.ofCycle(tx, id));
      }
      return { status: 200, body: await this.view(tx, await this.cycles.find(tx, id)) };
    });
  }

  /** A cycle with positions, matrix and sums: as settled, or as they stand so far. @throws DomainError `not_found` */
  async result(id: string): Promise<object> {
    const cycle = await this.cycles.get(id);
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.view(tx, cycle));
  }

  private async freeze(tx: EntityManager, cycle: Cycle): Promise<void> {
    const result = await this.netting.freeze(tx, cycle.id);
    const lines = await this.statements.freeze(tx, cycle, await this.brandsIn(cycle.currency), result);
    const told = await this.statements.told(tx, cycle.id);
    const resultsRoot = await this.verification.resultsRoot(tx, cycle.id);
    await this.cycles.advance(tx, cycle, 'freeze', positionsOf(result.positions, told), { ...lines, resultsRoot });
  }

  private async confirm(tx: EntityManager, cycle: Cycle): Promise<void> {
    const { positions } = await this.netting.result(tx, cycle);
    const told = await this.statements.told(tx, cycle.id);
    await this.cycles.advance(tx, cycle, 'confirm', await this.positions.confirm(tx, cycle.id, positions, told));
  }

  private async brandsIn(currency: string): Promise<string[]> {
    return (await this.directory.list()).filter((brand) => brand.currency === currency).map((brand) => brand.slug);
  }

  private async positionsAt(tx: EntityManager, cycle: Cycle, result: CycleResult): Promise<Position[]> {
    if (isConfirmed(cycle.status)) return this.positions.ofCycle(tx, cycle.id);
    const told = isSealed(cycle.status)
      ? await this.statements.told(tx, cycle.id)
      : await this.brandsIn(cycle.currency);
    return positionsOf(result.positions, told);
  }

  private async view(tx: EntityManager, cycle: Cycle): Promise<object> {
    const result = await this.netting.result(tx, cycle);
    const positions = await this.positionsAt(tx, cycle, result);
    return {
      ...cycleDocument(cycle),
      positions: positions.map(({ party, net }) => ({ party, net: sumToJson(net) })),
      matrix: result.matrix.map(({ issuer, redeemer, points, amountMicro }) => ({
        issuer: partyName(issuer),
        redeemer: partyName(redeemer),
        points: sumToJson(points),
        amount: microToText(amountMicro),
      })),
      gross: sumToJson(result.gross),
      netted: sumToJson(result.netted),
      sum: sumToJson(positions.reduce((sum, { net }) => sum + net, 0n)),
      entities: [...netByEntity(result.groups)].sort().map(([entity, net]) => ({ entity, net: sumToJson(net) })),
      // exact amounts minus rounded ones; it stays aside because both sides carry the rounded figure
      roundingRemainder: microToText(result.remainderMicro),
    };
  }
}

/** A cycle as everybody sees it. */
export function cycleDocument(cycle: Cycle) {
  return {
    id: cycle.id,
    status: cycle.status,
    from: formatInstant(cycle.from),
    to: formatInstant(cycle.to),
    currency: cycle.currency,
    cutOffAt: cycle.cutOffAt === null ? null : formatInstant(cycle.cutOffAt),
  };
}
