import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { BrandDirectory } from '#libs/directory';
import { Approvals, Reply } from '#libs/http';
import { AllianceClock, fail, pointsToJson, requestHash, uuidFromText, uuidv7For } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import type { ContractTerms } from '../postings/contract-terms.js';
import { PostingsService } from '../postings/postings.service.js';
import { TradingService } from '../trading/trading.service.js';
import { DEBT_WRITE_OFF } from './debt-write-off.js';
import type { DebtWriteOffAnswer } from './debt-write-offs.answers.js';
import type { DebtWriteOffDto } from './debt-write-offs.dto.js';
import { DebtWriteOffsRepository } from './debt-write-offs.repository.js';
import type { OwingWallet } from './debt-write-offs.repository.js';

const OPERATOR = { brand: '*' };
const NO_WALLET = '00000000-0000-0000-0000-000000000000';
const BATCH = 50;
/** Most rounds in which wallets that changed meanwhile are tried again. */
const ROUNDS = 5;

/**
 * Writes off debts to a brand that has left. No new points of that brand can repay them, and they would block other points of the
 * member forever. The write-off needs two people. The brand gives the points owed, which repay the debt like any points of an
 * issuer. These points are never spent, so nobody pays for them. If spent points of the brand are given back later, they repay the
 * written-off amount and expire.
 */
@Injectable()
export class DebtWriteOffsService {
  constructor(
    private readonly clock: AllianceClock,
    private readonly dataSource: DataSource,
    private readonly directory: BrandDirectory,
    private readonly trading: TradingService,
    private readonly postings: PostingsService,
    private readonly approvals: Approvals,
    private readonly repository: DebtWriteOffsRepository,
  ) {}

  /** @throws DomainError `validation_failed`, `brand_not_closed`, `second_person_needed`, `idempotency_conflict`, `unavailable` */
  async writeOff(body: DebtWriteOffDto, maker: string): Promise<Reply<DebtWriteOffAnswer>> {
    const { externalId, brand, reason } = body;
    const first = await runInTransaction(this.dataSource, OPERATOR, (tx) => this.repository.find(tx, externalId));
    if (first !== null) {
      if (first.brand !== brand || first.reason !== reason) fail('idempotency_conflict');
      return new Reply(201, answerOf(first), true);
    }
    await this.requireClosed(brand);
    const { id, checker } = await this.approvals.given({
      act: 'debts.write_off',
      maker,
      payload: { externalId, brand, reason },
    });
    const now = this.clock.now();
    await this.meetAll(brand, externalId, await this.trading.promisedBy(brand, now), now);
    const given = await runInTransaction(this.dataSource, OPERATOR, async (tx) => {
      const met = await this.repository.given(tx, brand, externalId);
      await this.repository.add(tx, { externalId, brand, reason, maker, checker, ...met, at: now });
      return met;
    });
    await this.approvals.tell(id);
    return new Reply(201, answerOf(given));
  }

  private async requireClosed(slug: string): Promise<void> {
    const brand = await this.directory.get(slug);
    if (brand === null) {
      const errors = [{ pointer: '/brand', code: 'not_found' as const, detail: 'There is no such brand.' }];
      return fail('validation_failed', { errors });
    }
    if (brand.status !== 'closed') fail('brand_not_closed');
  }

  private async meetAll(issuer: string, run: string, terms: ContractTerms, now: Date): Promise<void> {
    for (let round = 1; round <= ROUNDS; round += 1) {
      let left = 0;
      for (let after = NO_WALLET; ;) {
        const from = after;
        const wallets = await runInTransaction(this.dataSource, OPERATOR, (tx) =>
          this.repository.owing(tx, issuer, from, BATCH),
        );
        const met = await Promise.all(wallets.map((wallet) => this.meet(issuer, run, wallet, terms, now)));
        left += met.filter((done) => !done).length;
        const last = wallets.at(-1);
        if (last === undefined || wallets.length < BATCH) break;
        after = last.walletId;
      }
      if (left === 0) return;
    }
    fail('unavailable', { detail: 'Some wallets kept changing; repeat the call.', retryAfter: 1 });
  }

  /** Returns false for a wallet that has changed since it was read. */
  private async meet(
    issuer: string,
    run: string,
    { walletId, debt, version }: OwingWallet,
    terms: ContractTerms,
    now: Date,
  ): Promise<boolean> {
    const { verdict } = await this.postings.accrue({
      kind: 'reward',
      id: uuidv7For(walletId),
      originId: uuidv7For(walletId),
      brand: issuer,
      issuer,
      // each wallet is processed once per run, at the version at which it was read
      externalId: uuidFromText(`${DEBT_WRITE_OFF}|${run}|${walletId}|${version}`),
      requestHash: requestHash([DEBT_WRITE_OFF, run, walletId, debt]),
      result: {},
      walletId,
      memberRef: null,
      occurredAt: now,
      postedAt: now,
      expectedWalletVersion: version,
      store: null,
      lots: [
        {
          id: uuidv7For(walletId),
          terms,
          points: debt,
          availableFrom: null,
          expiresAt: null,
          campaign: run,
          reason: DEBT_WRITE_OFF,
        },
      ],
    });
    return verdict === 'created';
  }
}

function answerOf({ points, wallets }: { points: bigint; wallets: bigint }): DebtWriteOffAnswer {
  return { points: pointsToJson(points), wallets: pointsToJson(wallets) };
}
