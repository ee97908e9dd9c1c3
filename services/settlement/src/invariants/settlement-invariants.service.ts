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
import { EntriesService } from '../entries/entries.service.js';
import type { SettlementConfig } from '../settlement.config.js';
import { microToText } from '../statements/money.js';
import { VerificationService } from '../verification/verification.service.js';
import { ResultsAudit } from './results-audit.repository.js';

interface LedgerOutstanding {
  issuers: { brand: string; points: string }[];
}

interface ReferralsOwed {
  owed: { currency: string; amount: string }[];
}

/** How long a proof of a sealed cycle is good for: its lines can't change, so proving it on every call would be waste. */
const PROOF_MS = 300_000;

/** What must hold in the partner ledger, measured now. Each check compares figures that were made apart from each other. */
@Injectable()
export class SettlementInvariants implements Invariants {
  private readonly proven = new Map<string, { at: number; broken: string }>();

  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly client: InternalClient,
    private readonly cycles: CyclesService,
    private readonly entries: EntriesService,
    private readonly verification: VerificationService,
    private readonly results: ResultsAudit,
  ) {}

  async check(): Promise<Check[]> {
    const cycles = await this.cycles.list();
    return runAudit(this.dataSource, async (tx) => [
      await this.outstanding(tx),
      await this.owed(tx),
      await this.verified(tx, cycles),
      check('settlement: positions sum to 0 and agree with statements', '', await this.results.positions(tx)),
      check('settlement: groups and matrix agree on what redeemers get', '', await this.results.matrix(tx)),
    ]);
  }

  /** The partner ledger and the member ledger agree on what every issuer still has to honour. */
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

  /** What the partner ledger owes to people is what referrals has promised them and they have not turned into points. */
  private async owed(tx: EntityManager): Promise<Check> {
    const ours = text(
      (await this.entries.owedToMembers(tx)).map(({ currency, amountMicro }) => [currency, microToText(amountMicro)]),
    );
    const answer = await this.client
      .get<ReferralsOwed>(`${this.config.referralsUrl}/internal/v1/owed`)
      .catch(() => null);
    // a network may do without referrals, and then owes nothing to people
    const silent = ours === '' ? '' : 'referrals gave no answer';
    const theirs = answer === null ? silent : text(answer.owed.map(({ currency, amount }) => [currency, amount]));
    return check('settlement: what members are owed equals what referrals promised them', theirs, ours);
  }

  private async verified(tx: EntityManager, cycles: readonly Cycle[]): Promise<Check> {
    const broken: string[] = [];
    for (const cycle of cycles.filter(({ status }) => isSealed(status))) {
      const key = `${cycle.id} ${cycle.status}`;
      let known = this.proven.get(key);
      if (known === undefined || known.broken !== '' || monotonicMs() - known.at > PROOF_MS) {
        const { faults } = await this.verification.verify(tx, cycle);
        const [first] = faults;
        const named = first === undefined ? '' : `${cycle.id}: ${first.kind} ${first.id} ${first.detail}`;
        known = { at: monotonicMs(), broken: faults.length > 1 ? `${named} and ${faults.length - 1} more` : named };
        this.proven.set(key, known);
      }
      if (known.broken !== '') broken.push(known.broken);
    }
    return check('settlement: frozen cycles follow from their lines', '', broken.join(', '));
  }
}

function check(name: string, expected: string, measured: string): Check {
  const shown = (value: string): string => (value === '' ? 'none' : value);
  return { name, ok: expected === measured, expected: shown(expected), measured: shown(measured) };
}

function text(figures: readonly (readonly [of: string, figure: string])[]): string {
  return figures
    .filter(([, figure]) => !/^0(\.0+)?$/.test(figure))
    .map(([of, figure]) => `${of} ${figure}`)
    .sort()
    .join(', ');
}
