import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { IdempotentOutcome } from '#libs/http';
import { fail, formatInstant, pointsToJson } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { netByEntity } from '../netting/netting.js';
import { NettingService } from '../netting/netting.service.js';
import type { CycleResult } from '../netting/netting.service.js';
import { StatementFreezeService } from '../statements/statement-freeze.service.js';
import { microToText } from '../statements/statement.js';
import { isSealed } from './cycle.js';
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
    private readonly directory: BrandDirectory,
  ) {}

  /** @throws DomainError `not_found`, `cycle_state`, `cycle_not_settled` */
  async step(id: string, step: CycleStep, caller: string, key?: string): Promise<IdempotentOutcome> {
    // the wait holds no lock, so lines keep arriving while it lasts
    if (step === 'freeze' && (await this.cycles.get(id)).status === 'cut_off') await this.settled.wait();
    const call = { caller, brand: '*', route: `cycles.${step}`, key, body: { cycle: id } };
    return idempotent(this.dataSource, call, async (tx) => {
      const cycle = await this.cycles.take(tx, id, step);
      const result = step === 'freeze' ? await this.freeze(tx, cycle) : await this.netting.result(tx, cycle);
      const statusBefore = cycle.status;
      await this.cycles.advance(
        tx,
        cycle,
        step,
        isSealed(statusBefore) || step === 'freeze' ? positionsOf(result) : [],
      );
      return { status: 200, body: await this.view(tx, await this.cycles.find(tx, id)) };
    });
  }

  /** A cycle with positions, matrix and sums: frozen, or as they stand so far. @throws DomainError `not_found` */
  async result(id: string): Promise<object> {
    const cycle = await this.cycles.get(id);
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.view(tx, cycle));
  }

  private async freeze(tx: EntityManager, cycle: Cycle): Promise<CycleResult> {
    const result = await this.netting.freeze(tx, cycle.id);
    const brands = (await this.directory.list()).filter((brand) => brand.currency === cycle.currency);
    await this.statements.freeze(
      tx,
      cycle,
      brands.map((brand) => brand.slug),
      result.brands,
    );
    return result;
  }

  private async view(tx: EntityManager, cycle: Cycle): Promise<object> {
    const result = await this.netting.result(tx, cycle);
    const brands = await this.directory.list();
    const entities = new Map(brands.map((brand) => [brand.slug, brand.legalEntity.id]));
    const told = isSealed(cycle.status)
      ? (await this.statements.ofCycle(tx, cycle.id)).map(({ header }) => header.brand)
      : brands.filter((brand) => brand.currency === cycle.currency).map((brand) => brand.slug);
    const positions = positionsOf(result, told);
    const byEntity = netByEntity(result.brands, (brand) => entities.get(brand) ?? brand);
    return {
      ...cycleDocument(cycle),
      positions: positions.map(({ party, net }) => ({ party, net: pointsToJson(net) })),
      matrix: result.matrix.map(({ issuer, redeemer, points, amountMicro }) => ({
        issuer,
        redeemer,
        points: pointsToJson(points),
        amount: microToText(amountMicro),
      })),
      gross: pointsToJson(result.gross),
      netted: pointsToJson(result.netted),
      sum: pointsToJson(positions.reduce((sum, { net }) => sum + net, 0n)),
      entities: [...byEntity].sort().map(([entity, net]) => ({ entity, net: pointsToJson(net) })),
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

/** Brands in order of name, then the operator, the members, and the parties that stay at zero while there is nothing to hold for them. */
function positionsOf(result: CycleResult, brands: readonly string[] = []): { party: string; net: bigint }[] {
  const slugs = [...new Set([...brands, ...result.brands.keys()])].sort();
  const positions = [
    ...slugs.map((slug) => ({ party: `brand:${slug}`, net: result.brands.get(slug) ?? 0n })),
    { party: 'operator', net: result.operator },
    { party: 'members', net: result.members },
    { party: 'reserve', net: 0n },
    { party: 'rounding', net: 0n },
  ];
  if (positions.reduce((sum, { net }) => sum + net, 0n) !== 0n)
    fail('internal_error', { detail: 'Positions do not balance.' });
  return positions;
}
