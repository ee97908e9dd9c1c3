import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Approvals, idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import {
  AllianceClock,
  canonicalJson,
  fail,
  formatInstant,
  groupBy,
  idFromUuid,
  MAX_WIRE_INTEGER,
  namedHash,
  pointsToJson,
  sumToJson,
  uuidFromId,
  uuidv7,
} from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { CommissionsService } from '../commissions/commissions.service.js';
import { EarningsService } from '../earnings/earnings.service.js';
import { takeFrom } from '../earnings/takings.js';
import { SandboxTimeService } from '../programmes/sandbox-time.service.js';
import { ErasedPayeesRepository } from './erased-payees.repository.js';
import { MOST_SHARES, PayoutsRepository } from './payouts.repository.js';
import { itemHash, payloadHash, releaseAct } from './payout-approval.js';
import { PayoutsAuditService } from './payouts-audit.service.js';
import type { ItemShare, Payout, PayoutItem } from './payouts.tables.js';
import type { PayoutView } from './payouts.answers.js';

/**
 * Payouts to persons: one client releases what another approved. Each step is one transaction on one row, so after a crash the
 * payout is at its last completed step, and a step can be repeated safely.
 */
@Injectable()
export class PayoutsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: PayoutsRepository,
    private readonly earnings: EarningsService,
    private readonly commissions: CommissionsService,
    private readonly audit: PayoutsAuditService,
    private readonly payees: ErasedPayeesRepository,
    private readonly clock: AllianceClock,
    private readonly time: SandboxTimeService,
    private readonly approvals: Approvals,
  ) {}

  /** Drafts a payout of all persons who can be paid. */
  async draw(call: KeyedCall, currency: string): Promise<Reply<PayoutView>> {
    await this.commissions.releaseDue();
    return idempotent(this.dataSource, { ...call, route: 'payouts.draw', body: currency }, async (tx) => {
      await this.repository.lockMaking(tx);
      await this.time.tell(tx);
      const now = this.clock.now();
      const { shares, debts } = await this.earnings.free(tx, {
        currency,
        now,
        owner: null,
        through: null,
        most: MOST_SHARES,
      });
      const debtsOf = groupBy(debts, ({ owner }) => owner);
      // an item has a largest amount; the rest waits for the next payout
      const takings = [...groupBy(shares, ({ owner }) => owner)].flatMap(([owner, own]) =>
        takeFrom(own, debtsOf.get(owner) ?? [], MAX_WIRE_INTEGER),
      );
      if (takings.length === 0) fail('payout_empty');
      const payout: Payout = {
        id: uuidv7(),
        currency,
        state: 'draft',
        maker: call.caller,
        releasedBy: null,
        checker: null,
        approvedHash: null,
        confirmedBy: null,
        createdAt: now,
        releasedAt: null,
        paidAt: null,
      };
      await this.repository.insert(tx, payout);
      await this.earnings.draw(tx, takings, { currency, payoutId: payout.id });
      const items = await this.items(tx, payout);
      return { status: 201, body: payoutDocument(payout, items) };
    });
  }

  async one(id: string): Promise<PayoutView> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const payout = (await this.repository.find(tx, uuidFromId('pt', id) ?? fail('not_found'))) ?? fail('not_found');
      return payoutDocument(payout, await this.items(tx, payout));
    });
  }

  /**
   * Releases a draft. The approval covers the amounts of the draft at that time; a refund makes it another draft. An erased person
   * drops out without another approval, because less is paid and nobody gets more. Otherwise a brand could stop everybody's payout
   * by erasing one of its members.
   * @throws DomainError `second_person_needed`
   */
  release(client: string, id: string): Promise<PayoutView> {
    return this.approvals.guarded((approve) =>
      this.step(id, async (tx, payout) => {
        if (payout.state === 'released' && payout.releasedBy === `client:${client}`) return;
        if (payout.state !== 'draft') fail('payout_state');
        const items = await this.items(tx, payout);
        const leftOut = items.filter((item) => item.leftOut).map(({ owner }) => owner);
        if (items.length === leftOut.length) fail('payout_empty');
        await this.repository.giveBack(tx, payout.id, leftOut);
        // refunds change a draft; from here on the amounts are fixed for the bank
        await this.repository.addItems(tx, items);
        const act = releaseAct(payout, items, client);
        const checker = await approve(tx, act);
        const hash = payloadHash(act);
        await this.repository.release(tx, payout.id, { by: `client:${client}`, checker, hash, at: this.clock.now() });
      }),
    );
  }

  cancel(id: string): Promise<PayoutView> {
    return this.step(id, async (tx, payout) => {
      if (payout.state === 'cancelled') return;
      if (payout.state !== 'draft') fail('payout_state');
      await this.repository.cancel(tx, payout.id);
    });
  }

  /**
   * Records that the bank carried out the payout.
   * @throws DomainError `payout_changed`
   */
  confirm(caller: string, id: string): Promise<PayoutView> {
    return this.step(id, async (tx, payout) => {
      if (payout.state === 'paid') return;
      if (payout.state !== 'released') fail('payout_state');
      await this.approvedItems(tx, payout);
      await this.time.tell(tx);
      await this.repository.pay(tx, payout.id, caller, this.clock.now());
    });
  }

  /**
   * The file for the bank, with every person who is paid an amount. It exists after release and is the same bytes each time.
   * @throws DomainError `payout_changed`
   */
  async file(id: string): Promise<string> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const payout = (await this.repository.find(tx, uuidFromId('pt', id) ?? fail('not_found'))) ?? fail('not_found');
      if (payout.state !== 'released' && payout.state !== 'paid') fail('payout_state');
      const items = (await this.approvedItems(tx, payout)).filter(({ leftOut, net }) => !leftOut && net > 0n);
      const sum = items.reduce((total, { net }) => total + net, 0n);
      const rows = [
        {
          batch: id,
          currency: payout.currency,
          releasedAt: payout.releasedAt === null ? null : formatInstant(payout.releasedAt),
          checker: payout.checker,
          maker: payout.maker,
          releasedBy: payout.releasedBy,
        },
        ...items.map(({ owner, gross, netted, tax, net, hash }) => ({
          beneficiary: owner,
          gross,
          netted,
          tax,
          net,
          hash,
        })),
      ];
      const body = rows.map((row) => canonicalJson(row)).join('\n');
      return `${body}\n${canonicalJson({ count: items.length, net: sum, hash: namedHash(body) })}\n`;
    });
  }

  /**
   * Items of a released payout, if they are still what two people approved: by the hash stored at the release, and by identity, which
   * keeps approvals in a database of its own.
   */
  private async approvedItems(tx: EntityManager, payout: Payout): Promise<PayoutItem[]> {
    const items = await this.repository.items(tx, payout.id);
    const act = releaseAct(payout, items, (payout.releasedBy ?? '').replace('client:', ''));
    const isApproved =
      (await this.audit.isAsApproved(tx, payout, items)) && (await this.approvals.hasApproved(payout.checker, act));
    return isApproved ? items : fail('payout_changed');
  }

  /**
   * Items of a draft: what it draws now, and who would drop out. Persons with nothing drawn are left out; a person who only repays a
   * debt has nothing to be paid.
   */
  private async items(tx: EntityManager, payout: Payout): Promise<PayoutItem[]> {
    if (payout.state === 'released' || payout.state === 'paid') return this.repository.items(tx, payout.id);
    const drawn = await this.repository.drawn(tx, payout.id);
    const owners = groupBy(drawn, ({ owner }) => owner);
    const barred = new Set(await this.payees.barred(tx, payout.currency, [...owners.keys()]));
    return [...owners].flatMap(([owner, shares]): PayoutItem[] => {
      const net = shares.reduce((sum, share) => sum + share.net, 0n);
      const netted = shares.reduce((sum, share) => sum + share.netted, 0n);
      if (net + netted === 0n) return [];
      const drawnFrom = shares.map((share): ItemShare => [share.commissionId, share.party, share.net, share.netted]);
      const item = { owner, gross: net + netted, netted, tax: 0n, net, shares: drawnFrom };
      return [{ payoutId: payout.id, ...item, hash: itemHash(payout, item), leftOut: barred.has(owner) }];
    });
  }

  private step(id: string, work: (tx: EntityManager, payout: Payout) => Promise<void>): Promise<PayoutView> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const payout = (await this.repository.lock(tx, uuidFromId('pt', id) ?? fail('not_found'))) ?? fail('not_found');
      await work(tx, payout);
      const after = (await this.repository.find(tx, payout.id)) ?? payout;
      return payoutDocument(after, await this.items(tx, after));
    });
  }
}

function payoutDocument(payout: Payout, items: readonly PayoutItem[]): PayoutView {
  return {
    id: idFromUuid('pt', payout.id),
    currency: payout.currency,
    state: payout.state,
    maker: payout.maker,
    releasedBy: payout.releasedBy,
    checker: payout.checker,
    createdAt: formatInstant(payout.createdAt),
    releasedAt: payout.releasedAt === null ? null : formatInstant(payout.releasedAt),
    paidAt: payout.paidAt === null ? null : formatInstant(payout.paidAt),
    net: sumToJson(items.reduce((sum, { net, leftOut }) => (leftOut ? sum : sum + net), 0n)),
    items: items.map(({ owner, gross, netted, tax, net, hash, leftOut }) => ({
      beneficiary: owner,
      gross: sumToJson(gross),
      netted: sumToJson(netted),
      tax: pointsToJson(tax),
      net: pointsToJson(net),
      hash,
      leftOut,
    })),
  };
}
