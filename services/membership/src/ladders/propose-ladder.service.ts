import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { Approvals, idempotent } from '#libs/http';
import type { Approve, KeyedCall, Outcome, Reply } from '#libs/http';
import { AllianceClock, Decimal, fail } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { DueRanksService } from '../due/due-ranks.service.js';
import { DryRunService } from './dry-run.service.js';
import type { Moves } from './dry-run.service.js';
import { ladderFaults } from './ladder-check.js';
import { ladderDocument, storedTerms } from './ladder-document.js';
import type { Ladder, LadderTerms } from './ladder.js';
import { LaddersRepository } from './ladders.repository.js';
import type { LadderView } from './ladders.answers.js';

/** The highest multiplier that one client can bring into force without a second person. */
const MULTIPLIER_ALONE = Decimal.parse('2');

export interface Proposal {
  readonly terms: LadderTerms;
  /** The open ladder that ends where this one begins. */
  readonly supersedes: number | null;
}

/** Brings new rules into force. Where ranks were decided by other rules, only for the future. */
@Injectable()
export class ProposeLadderService {
  private readonly log = new Logger(ProposeLadderService.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly directory: BrandDirectory,
    private readonly repository: LaddersRepository,
    private readonly dry: DryRunService,
    private readonly due: DueRanksService,
    private readonly approvals: Approvals,
  ) {}

  /** @throws DomainError `ladder_invalid`, `ladder_overlap`, `ladder_ended`, `brand_unknown`, `not_for_the_past`, `not_found`; `second_person_needed` for a multiplier above 2 */
  async propose(proposal: Proposal, call: KeyedCall): Promise<Reply<LadderView>> {
    await this.check(proposal.terms);
    const { name, validFrom, validTo } = proposal.terms;
    const body = { name, validFrom, validTo, supersedes: proposal.supersedes, ...storedTerms(proposal.terms) };
    const operation = { ...call, route: 'tier-ladders.create', body };
    const set = async (tx: EntityManager, approve: Approve): Promise<Outcome<LadderView>> => {
      await this.repository.lockAlone(tx);
      const ladders = this.place(await this.repository.all(tx), proposal);
      const ladder = ladders.find(({ version }) => version === nextVersion(ladders) - 1);
      if (ladder === undefined) throw new Error('the proposed ladder has no place');
      if (proposal.supersedes !== null) await this.repository.end(tx, proposal.supersedes, ladder.validFrom);
      await this.repository.insert(tx, ladder, call.caller, this.clock.now());
      if (ladder.ranks.some(({ earnMultiplier }) => Decimal.parse(earnMultiplier).compare(MULTIPLIER_ALONE) > 0)) {
        await approve(tx, { act: 'tier_ladder.create', maker: call.client, payload: body });
      }
      return { status: 201, body: ladderDocument(ladder) };
    };
    const outcome = await this.approvals.guarded((approve) =>
      idempotent(this.dataSource, operation, (tx) => set(tx, approve)),
    );
    this.judgeAll();
    return outcome;
  }

  /** Judges all wallets again after a change of the rules, in batches, without waiting for the next scheduled run. */
  private judgeAll(): void {
    this.due.job.run().catch((error: unknown) => {
      this.log.warn(error);
    });
  }

  /** The members who would move; stores nothing. @throws DomainError as {@link propose} does */
  async tryOut(proposal: Proposal): Promise<Moves> {
    await this.check(proposal.terms);
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const ladders = await this.repository.all(tx);
      return this.dry.run(tx, ladders, this.place(ladders, proposal), proposal.terms.validFrom);
    });
  }

  /** Sets an open end. @throws DomainError `not_found`, `ladder_ended`, `not_for_the_past` */
  async end(version: number, validTo: Date): Promise<Ladder> {
    const ended = await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      await this.repository.lockAlone(tx);
      const ladder = openLadder(await this.repository.all(tx), version);
      if (validTo < this.clock.now() || validTo <= ladder.validFrom) fail('not_for_the_past');
      await this.repository.end(tx, version, validTo);
      return { ...ladder, validTo };
    });
    this.judgeAll();
    return ended;
  }

  async list(): Promise<Ladder[]> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx: EntityManager) => this.repository.all(tx));
  }

  /** @throws DomainError `not_found` */
  async one(version: number): Promise<Ladder> {
    return (await this.list()).find((ladder) => ladder.version === version) ?? fail('not_found');
  }

  private async check(terms: LadderTerms): Promise<void> {
    for (const [i, brand] of Object.keys(terms.brands).entries()) {
      if ((await this.directory.get(brand)) !== null) continue;
      fail('brand_unknown', {
        errors: [{ pointer: `/brands/${i}/brand`, code: 'unknown', detail: 'No brand has this slug.' }],
      });
    }
    const alliance = (await this.directory.list()).filter(({ status }) => status !== 'closed');
    const faults = ladderFaults(
      terms,
      alliance.map(({ slug }) => slug),
    );
    if (faults.length > 0) fail('ladder_invalid', { errors: faults });
  }

  private place(ladders: readonly Ladder[], { terms, supersedes }: Proposal): Ladder[] {
    let others = [...ladders];
    if (supersedes !== null) {
      const old = openLadder(ladders, supersedes);
      if (terms.validFrom < this.clock.now() || terms.validFrom <= old.validFrom)
        fail('not_for_the_past', { detail: 'Ranks were decided by the ladder that would end.' });
      others = others.map((ladder) => (ladder === old ? { ...old, validTo: terms.validFrom } : ladder));
    }
    const [from, to] = [terms.validFrom, terms.validTo];
    const overlapped = others.find(
      (other) => (to === null || other.validFrom < to) && (other.validTo === null || other.validTo > from),
    );
    if (overlapped !== undefined)
      fail('ladder_overlap', {
        detail: `Ladder ${overlapped.version} is in force at that time.`,
        extra: { version: overlapped.version },
      });
    return [...others, { ...terms, version: nextVersion(others) }].sort(
      (a, b) => a.validFrom.getTime() - b.validFrom.getTime(),
    );
  }
}

function nextVersion(ladders: readonly Ladder[]): number {
  return Math.max(0, ...ladders.map(({ version }) => version)) + 1;
}

function openLadder(ladders: readonly Ladder[], version: number): Ladder {
  const ladder = ladders.find((known) => known.version === version);
  if (ladder === undefined) return fail('not_found');
  if (ladder.validTo !== null) return fail('ladder_ended');
  return ladder;
}
