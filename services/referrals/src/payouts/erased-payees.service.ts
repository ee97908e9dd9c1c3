import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Approvals, idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import {
  AllianceClock,
  decodeCursor,
  fail,
  formatInstant,
  MAX_WIRE_INTEGER,
  pageOf,
  pointsToJson,
  sumToJson,
  uuidv7,
} from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { EarningsService } from '../earnings/earnings.service.js';
import { sumOfTakings, takeFrom } from '../earnings/takings.js';
import { SandboxTimeService } from '../programmes/sandbox-time.service.js';
import type { ErasedPayeeDto } from './erased-payees.dto.js';
import { ErasedPayeesRepository } from './erased-payees.repository.js';
import { MOST_SHARES } from './payouts.repository.js';
import type { ErasedPayeeDecisionView, ErasedPayeeView } from './erased-payees.answers.js';

/** Erased persons with earnings. They are not paid; the amount owed stays on record until two people decide. */
@Injectable()
export class ErasedPayeesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: ErasedPayeesRepository,
    private readonly earnings: EarningsService,
    private readonly clock: AllianceClock,
    private readonly time: SandboxTimeService,
    private readonly approvals: Approvals,
  ) {}

  async list(currency: string, limit: number, after?: string): Promise<Page<ErasedPayeeView>> {
    const position = after === undefined ? null : String(decodeCursor(after, 1)[0]);
    const rows = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.repository.page(tx, currency, this.clock.now(), position, limit + 1),
    );
    const page = pageOf(rows, limit, ({ owner }) => [owner]);
    const data = page.data.map(({ owner, owed, decision }) => ({
      beneficiary: owner,
      currency,
      owed: sumToJson(owed),
      decision,
    }));
    return { ...page, data };
  }

  /**
   * Decides on an erased person. A release lets the next payouts pay them. A write-off permanently takes what is owed, up to a
   * number of shares per call; the money stays with the alliance.
   */
  decide(call: KeyedCall, body: ErasedPayeeDto): Promise<Reply<ErasedPayeeDecisionView>> {
    const { beneficiary: owner, currency, decision, reason } = body;
    return this.approvals.guarded((approve) =>
      idempotent(this.dataSource, { ...call, route: 'erased-payees.decide', body }, async (tx) => {
        await this.time.tell(tx);
        if (!(await this.repository.erased(tx, owner))) fail('not_found');
        const now = this.clock.now();
        const most = decision === 'write_off' ? MOST_SHARES : null;
        const { shares, debts } = await this.earnings.free(tx, { currency, now, owner, through: null, most });
        const takings = takeFrom(shares, debts, MAX_WIRE_INTEGER);
        const amount = sumOfTakings(takings, false);
        // a write-off may consist of repaid debts only
        if (amount === 0n && (decision === 'release' || takings.length === 0)) fail('payout_empty');
        const payload = { beneficiary: owner, currency, decision, amount: pointsToJson(amount), reason };
        const checker = await approve(tx, { act: 'erasedPayee.decide', maker: call.client, payload });
        const id = uuidv7();
        await this.repository.insert(tx, {
          id,
          owner,
          currency,
          decision,
          amount,
          reason,
          maker: call.caller,
          checker,
          at: now,
        });
        if (decision === 'write_off') await this.earnings.draw(tx, takings, { currency, writeOffId: id });
        return { status: 201, body: { ...payload, maker: call.caller, checker, at: formatInstant(now) } };
      }),
    );
  }
}
