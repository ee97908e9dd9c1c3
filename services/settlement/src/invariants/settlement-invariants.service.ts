import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { CONFIG } from '#libs/http';
import type { Check, Invariants } from '#libs/http';
import { monotonicMs } from '#libs/kernel';
import { runAudit } from '#libs/postgres';
import { isSealed } from '../cycles/cycle.js';
import type { Cycle } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import { DaysService } from '../days/days.service.js';
import { EntriesService } from '../entries/entries.service.js';
import type { SettlementConfig } from '../settlement.config.js';
import { SourcesService } from '../sources/sources.service.js';
import { microToText } from '../statements/money.js';
import type { Difference, Fault } from '../verification/verification.js';
import { VerificationService } from '../verification/verification.service.js';
import { ResultsAuditRepository } from './results-audit.repository.js';

interface LedgerOutstanding {
  issuers: { brand: string; points: string }[];
}

interface ReferralsOwed {
  owed: { currency: string; amount: string }[];
}

/**
 * How long a proof of a sealed cycle or a closed day stays valid. Its lines cannot change, so there is no need to repeat it on
 * every call.
 */
const PROOF_MS = 300_000;

/** Invariants of the partner ledger, checked on current data. Each check compares figures with independent origins. */
@Injectable()
export class SettlementInvariantsService implements Invariants {
  /** Times of proofs without faults, ms. */
  private readonly proven = new Map<string, number>();

  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly client: InternalClient,
    private readonly cycles: CyclesService,
    private readonly entries: EntriesService,
    private readonly verification: VerificationService,
    private readonly days: DaysService,
    private readonly sources: SourcesService,
    private readonly results: ResultsAuditRepository,
  ) {}

  async check(): Promise<Check[]> {
    const cycles = await this.cycles.list();
    const sourced = await this.sourced(cycles);
    return runAudit(this.dataSource, async (tx) => [
      await this.outstanding(tx),
      await this.owed(tx),
      sourced,
      await this.verified(tx, cycles),
      await this.closedDays(tx, cycles),
      check('settlement: positions sum to 0 and agree with statements', '', await this.results.positions(tx)),
      check('settlement: groups and matrix agree on what redeemers get', '', await this.results.matrix(tx)),
    ]);
  }

  /** Partner ledger and member ledger agree on the outstanding points of every issuer. */
  private async outstanding(tx: EntityManager): Promise<Check> {
    const ours = await this.entries.outstanding(tx);
    const answer = await this.client
      .get<LedgerOutstanding>(`${this.config.ledgerUrl}/internal/v1/outstanding`)
      .catch(() => null);
    return check(
      'settlement: outstanding points by issuer equal the ledger’s',
      answer === null ? 'the ledger gave no answer' : text(answer.issuers.map(({ brand, points }) => [brand, points])),
      text(ours.map(({ issuer, points }) => [issuer, points.toString()])),
    );
  }

  /** The partner ledger's debt to persons equals referrals' promises minus conversions to points. */
  private async owed(tx: EntityManager): Promise<Check> {
    const ours = text(
      (await this.entries.owedToMembers(tx)).map(({ currency, amountMicro }) => [currency, microToText(amountMicro)]),
    );
    const answer = await this.client
      .get<ReferralsOwed>(`${this.config.referralsUrl}/internal/v1/owed`)
      .catch(() => null);
    // a network without referrals owes nothing to persons
    const silent = ours === '' ? '' : 'referrals gave no answer';
    const theirs = answer === null ? silent : text(answer.owed.map(({ currency, amount }) => [currency, amount]));
    return check('settlement: what members are owed equals what referrals promised them', theirs, ours);
  }

  /** Cycles that are not frozen match the records of their sources. After the freeze the seal protects them. */
  private async sourced(cycles: readonly Cycle[]): Promise<Check> {
    const broken: string[] = [];
    for (const { id } of cycles.filter(({ status }) => !isSealed(status))) {
      const { faults } = await this.sources.differences(id, () => Promise.resolve());
      if (faults === null) broken.push(`${id}: the ledger or referrals gave no answer, or is still sending`);
      else if (faults.length > 0) broken.push(`${id}: ${named(faults)}`);
    }
    return check(
      'settlement: lines of open cycles are what the ledger stamped and what referrals posted',
      '',
      listed(broken),
    );
  }

  private async verified(tx: EntityManager, cycles: readonly Cycle[]): Promise<Check> {
    const broken: string[] = [];
    for (const cycle of cycles.filter(({ status }) => isSealed(status))) {
      const prove = async (): Promise<readonly Fault[]> => (await this.verification.verify(tx, cycle.id)).faults;
      broken.push(await this.proof(`${cycle.id} ${cycle.status}`, cycle.id, prove));
    }
    return check('settlement: frozen cycles follow from their lines', '', listed(broken));
  }

  /** Before the freeze: the stored results of days that are over still follow from their lines. */
  private async closedDays(tx: EntityManager, cycles: readonly Cycle[]): Promise<Check> {
    const broken: string[] = [];
    for (const { id } of cycles.filter(({ status }) => !isSealed(status))) {
      for (const day of await this.days.closed(tx, id)) {
        const prove = async (): Promise<readonly Fault[]> => (await this.verification.day(tx, id, day)).faults;
        broken.push(await this.proof(`${id} ${day}`, id, prove));
      }
    }
    return check('settlement: closed days of open cycles follow from their lines', '', listed(broken));
  }

  /** Describes the faults of a proof. A proof without faults is cached for a while. */
  private async proof(key: string, cycle: string, prove: () => Promise<readonly Fault[]>): Promise<string> {
    const known = this.proven.get(key);
    if (known !== undefined && monotonicMs() - known < PROOF_MS) return '';
    const faults = await prove();
    if (faults.length === 0) this.proven.set(key, monotonicMs());
    else this.proven.delete(key);
    return faults.length === 0 ? '' : `${cycle}: ${named(faults)}`;
  }
}

function check(name: string, expected: string, measured: string): Check {
  const shown = (value: string): string => (value === '' ? 'none' : value);
  return { name, ok: expected === measured, expected: shown(expected), measured: shown(measured) };
}

function named(faults: readonly Difference[]): string {
  const [first] = faults;
  if (first === undefined) return '';
  const text = `${first.kind} ${first.id} ${first.detail}`;
  return faults.length > 1 ? `${text} and ${faults.length - 1} more` : text;
}

function listed(found: readonly string[]): string {
  return found.filter((fault) => fault !== '').join(', ');
}

function text(figures: readonly (readonly [of: string, figure: string])[]): string {
  return figures
    .filter(([, figure]) => !/^0(\.0+)?$/.test(figure))
    .map(([of, figure]) => `${of} ${figure}`)
    .sort()
    .join(', ');
}
