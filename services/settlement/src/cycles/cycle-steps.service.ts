import { Injectable } from '@nestjs/common';
import pLimit from 'p-limit';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { Reply } from '#libs/http';
import { AllianceClock, exactSum, fail, formatInstant, pointsToJson } from '#libs/kernel';
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
import { refuseFaults } from '../verification/verification.js';
import { VerificationService } from '../verification/verification.service.js';
import { isConfirmed, isSealed } from './cycle.js';
import type { Cycle, CycleSeal, CycleStatus, CycleStep } from './cycle.js';
import { CyclesService } from './cycles.service.js';
import type { Freeze } from './freeze.js';
import { FreezeService } from './freeze.service.js';
import { FreezesRepository } from './freezes.repository.js';
import { SettledService } from './settled.service.js';
import type { CycleResultView, CycleView } from './cycles.answers.js';

/** How long a call waits for a freeze, ms. */
const FREEZE_PATIENCE_MS = 12_000;

/** Most steps at once. A step holds up to three connections, and others need connections, too. */
const MOST_AT_ONCE = 2;

@Injectable()
export class CycleStepsService {
  private readonly turn = pLimit(MOST_AT_ONCE);

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly cycles: CyclesService,
    private readonly settled: SettledService,
    private readonly netting: NettingService,
    private readonly statements: StatementFreezeService,
    private readonly positions: PositionsService,
    private readonly freezes: FreezeService,
    private readonly progress: FreezesRepository,
    private readonly verification: VerificationService,
    private readonly directory: BrandDirectory,
  ) {}

  /**
   * Performs a step and returns the cycle after it. A freeze that takes longer than the call continues by itself (202).
   * @throws DomainError `not_found`, `cycle_state`, `cycle_not_settled`, `cycle_unproven`
   */
  async step(id: string, step: CycleStep, caller: string, key?: string): Promise<Reply<CycleResultView>> {
    // waits without a lock, so lines keep arriving
    const { status: arrived } = await this.cycles.get(id);
    if (step === 'freeze' && arrived === 'cut_off') await this.settled.wait();
    return this.turn(() => this.perform(id, step, arrived, caller, key));
  }

  /** A cycle with positions, matrix and sums: final, or as computed so far. @throws DomainError `not_found` */
  async result(id: string): Promise<CycleResultView> {
    const cycle = await this.cycles.get(id);
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.view(tx, cycle));
  }

  private async perform(
    id: string,
    step: CycleStep,
    arrived: CycleStatus,
    caller: string,
    key: string | undefined,
  ): Promise<Reply<CycleResultView>> {
    // while the cycle still accepts lines that may be missing
    if (step === 'freeze' && arrived === 'cut_off') await this.verification.proveSources(id);
    // reads the whole cycle, so it runs before the transaction that relays wait for
    const { status } = await this.cycles.get(id);
    const needsProof = step === 'confirm' ? status === 'frozen' : step === 'close' && status === 'confirmed';
    const proven = needsProof ? await this.verification.prove(id) : null;
    const call = { caller, brand: '*', route: `cycles.${step}`, key, body: { cycle: id } };
    // commits separately: the idempotency step reads whole cycles before it writes, and others must not wait for that
    return idempotent(this.dataSource, call, async (tx) => {
      await runInTransaction(this.dataSource, { brand: '*' }, (own) =>
        this.make(own, id, { step, arrived, proven }, caller, key),
      );
      const done = step !== 'freeze' || (await this.freezes.run(id, FREEZE_PATIENCE_MS));
      return { status: done ? 200 : 202, body: await this.view(tx, await this.cycles.find(tx, id)) };
    });
  }

  private async make(
    tx: EntityManager,
    id: string,
    { step, arrived, proven }: { step: CycleStep; arrived: CycleStatus; proven: CycleSeal | null },
    caller: string,
    key: string | undefined,
  ): Promise<void> {
    if (await this.cycles.made(tx, id, step, caller, key)) return;
    // a call that arrived before the end of a freeze joins it
    if (step === 'freeze' && !isSealed(arrived) && (await this.freezes.begun(tx, id))) return;
    // the wait covered only a cycle that was cut off when the call arrived
    if (step === 'freeze' && arrived === 'open') fail('cycle_state');
    const cycle = await this.cycles.take(tx, id, step);
    const now = this.clock.now();
    switch (step) {
      case 'cut-off':
        await this.cycles.advance(tx, cycle, step, [], { now });
        break;
      case 'freeze':
        await this.freezes.begin(tx, cycle);
        break;
      case 'confirm':
      case 'close': {
        if (step === 'confirm') await this.confirm(tx, cycle);
        const positions = await this.positions.ofCycle(tx, id);
        // only what was proven goes on
        if (proven === null) fail('cycle_state');
        else await this.verification.refuseChanged(tx, id, proven, positions);
        await this.cycles.advance(tx, cycle, step, positions);
      }
    }
    await this.cycles.sign(tx, id, step, caller, key, now);
  }

  private async confirm(tx: EntityManager, cycle: Cycle): Promise<void> {
    refuseFaults(await this.verification.disputes(tx, cycle.id));
    const { positions } = await this.netting.result(tx, cycle);
    const told = await this.statements.told(tx, cycle.id);
    await this.positions.confirm(tx, cycle.id, positions, told);
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

  private async view(tx: EntityManager, cycle: Cycle): Promise<CycleResultView> {
    const result = await this.netting.result(tx, cycle);
    const positions = await this.positionsAt(tx, cycle, result);
    const freeze = await this.progress.find(tx, cycle.id);
    return {
      ...cycleDocument(cycle),
      freeze: freeze === null ? null : freezeDocument(freeze),
      positions: positions.map(({ party, net }) => ({ party, net: exactSum(net) })),
      matrix: result.matrix.map(({ issuer, redeemer, points, amountMicro }) => ({
        issuer: partyName(issuer),
        redeemer: partyName(redeemer),
        points: exactSum(points),
        amount: microToText(amountMicro),
      })),
      gross: exactSum(result.gross),
      netted: exactSum(result.netted),
      sum: exactSum(positions.reduce((sum, { net }) => sum + net, 0n)),
      entities: [...netByEntity(result.groups)].sort().map(([entity, net]) => ({ entity, net: exactSum(net) })),
      // exact amounts minus rounded ones; kept apart because both sides carry the rounded figure
      roundingRemainder: microToText(result.remainderMicro),
    };
  }
}

function freezeDocument({ stage, through, lineCount, startedAt }: Freeze) {
  return { stage, through, lines: pointsToJson(lineCount), startedAt: formatInstant(startedAt) };
}

export function cycleDocument(cycle: Cycle): CycleView {
  return {
    id: cycle.id,
    status: cycle.status,
    from: formatInstant(cycle.from),
    to: formatInstant(cycle.to),
    currency: cycle.currency,
    cutOffAt: cycle.cutOffAt === null ? null : formatInstant(cycle.cutOffAt),
  };
}
