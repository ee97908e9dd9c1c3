import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { AllianceClock, monotonicMs } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { DaysService } from '../days/days.service.js';
import { withDay } from '../days/lines-root.js';
import { net } from '../netting/netting.js';
import { NettingService } from '../netting/netting.service.js';
import { positionsOf } from '../positions/position.js';
import { StatementFreezeService } from '../statements/statement-freeze.service.js';
import { refuseFaults } from '../verification/verification.js';
import { VerificationService } from '../verification/verification.service.js';
import type { Cycle, CycleSeal } from './cycle.js';
import { CyclesService } from './cycles.service.js';
import type { Freeze } from './freeze.js';
import { FreezesRepository } from './freezes.repository.js';

/** Time limit of one step, ms: sums read a whole cycle. */
const STEP_MS = 300_000;

/**
 * Freezes cycles in steps: a day of lines, the sums, the statement of a brand. Each step reads first and then writes, so its
 * transaction has an id, which relays wait for, only while writing. Results are stored with the progress of the freeze: a repeated
 * call continues there, and two calls at the same time take turns.
 */
@Injectable()
export class FreezeService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly cycles: CyclesService,
    private readonly freezes: FreezesRepository,
    private readonly days: DaysService,
    private readonly netting: NettingService,
    private readonly statements: StatementFreezeService,
    private readonly verification: VerificationService,
    private readonly directory: BrandDirectory,
  ) {}

  /** Begins a freeze. From the commit on the cycle takes no more lines. */
  async begin(tx: EntityManager, cycle: Cycle): Promise<void> {
    await this.cycles.move(tx, cycle, 'freeze');
    await this.freezes.begin(tx, cycle.id, this.clock.now());
  }

  /** Whether a freeze has begun. If not, locks out other beginners until the transaction ends. */
  async begun(tx: EntityManager, cycle: string): Promise<boolean> {
    await this.freezes.hold(tx, cycle);
    return (await this.freezes.find(tx, cycle)) !== null;
  }

  /** Cycles with a freeze that has begun and not ended. */
  unfinished(): Promise<string[]> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.freezes.unfinished(tx));
  }

  /**
   * Continues a freeze until it is done or the time is up. Returns whether it is done.
   * @throws DomainError `cycle_unproven` if lines, days and sums do not agree
   */
  async run(cycle: string, patienceMs: number): Promise<boolean> {
    const end = monotonicMs() + patienceMs;
    do {
      if (await this.step(cycle)) return true;
    } while (monotonicMs() < end);
    return false;
  }

  async step(cycle: string): Promise<boolean> {
    // outside the step, because it calls other services: again, now that no line can arrive and all digests are taken, and at the end,
    // because only what was proven at one moment is sealed and published
    const next = await this.next(cycle);
    if (next === 'sums') await this.verification.proveSources(cycle);
    const proven = next === 'seal' ? await this.verification.proveWritten(cycle) : null;
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      await tx.query(`select set_config('statement_timeout', $1, true)`, [`${STEP_MS}`]);
      await this.freezes.hold(tx, cycle);
      const freeze = await this.freezes.find(tx, cycle);
      if (freeze === null || freeze.stage === 'done') return true;
      switch (freeze.stage) {
        case 'days':
          await this.freezes.save(tx, await this.nextDay(tx, freeze));
          return false;
        case 'sums':
          refuseFaults(await this.verification.disputes(tx, cycle));
          await this.netting.freeze(tx, cycle);
          await this.freezes.save(tx, { ...freeze, stage: 'statements' });
          return false;
        case 'statements':
          if ((await this.nextStatement(tx, cycle)) || proven === null) return false;
          await this.seal(tx, freeze, proven);
          return true;
      }
    });
  }

  /** The stage of a freeze, or that it is to be sealed; null if none has begun. */
  private next(cycle: string): Promise<Freeze['stage'] | 'seal' | null> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const stage = (await this.freezes.find(tx, cycle))?.stage ?? null;
      if (stage !== 'statements') return stage;
      return (await this.nextBrand(tx, await this.cycles.find(tx, cycle))) === null ? 'seal' : stage;
    });
  }

  private async nextDay(tx: EntityManager, freeze: Freeze): Promise<Freeze> {
    const { cycle, through } = freeze;
    const day = await this.days.after(tx, cycle, through);
    if (day === null) return { ...freeze, stage: 'sums' };
    const { read, faults } = await this.verification.day(tx, cycle, day);
    refuseFaults(faults);
    const { legs, linesDigest } = read;
    await this.days.keep(tx, cycle, day, read);
    return {
      ...freeze,
      through: day,
      lineCount: freeze.lineCount + legs,
      linesRoot: withDay(freeze.linesRoot, day, linesDigest),
    };
  }

  private async nextStatement(tx: EntityManager, id: string): Promise<boolean> {
    const cycle = await this.cycles.find(tx, id);
    const brand = await this.nextBrand(tx, cycle);
    if (brand === null) return false;
    await this.statements.write(tx, cycle, brand);
    return true;
  }

  /** The brand whose statement is next; null when all are written. */
  private async nextBrand(tx: EntityManager, { id, currency }: Cycle): Promise<string | null> {
    const brands = (await this.directory.list()).filter((brand) => brand.currency === currency);
    return this.statements.next(
      tx,
      id,
      brands.map(({ slug }) => slug),
    );
  }

  private async seal(tx: EntityManager, freeze: Freeze, proven: CycleSeal): Promise<void> {
    const { groups, statements } = await this.verification.provenResults(tx, freeze.cycle, proven);
    const told = statements.map(({ header }) => header.brand);
    const cycle = await this.cycles.take(tx, freeze.cycle, 'seal');
    await this.cycles.advance(tx, cycle, 'seal', positionsOf(net(groups).positions, told), { seal: proven });
    await this.freezes.save(tx, { ...freeze, ...proven, stage: 'done' });
  }
}
