import { setTimeout as sleep } from 'node:timers/promises';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';

import { TierChangedSchema, TOPICS } from '#libs/contracts';
import type { Answer } from '#libs/testing';
import { MemberTiersService } from '../src/tiers/member-tiers.service.js';
import { TiersRepository } from '../src/tiers/tiers.repository.js';
import { AT, buy, giveBack, ledgerWithRules, lotsOf, order } from './orders-under-test.js';

const rig = ledgerWithRules();

const gold = { tier: 'gold', rank: 2, multiplier: '1.25', funder: 'operator' as const, ladderVersion: 3 };

interface Step {
  since: string;
  rank?: number;
  multiplier?: string;
}
/** Sends all tiers of a wallet; gold unless a step specifies otherwise. */
const ranks = (walletId: string, funder: string, version: bigint, steps: readonly Step[]): Promise<void> =>
  rig.ledger.tell(TOPICS.tiers, walletId, TierChangedSchema, {
    walletId,
    version,
    steps: steps.map(({ since, rank = 2, multiplier = '1.25' }) => ({
      since: timestampFromDate(new Date(since)),
      rank,
      tier: ['member', 'silver', 'gold', 'black'][rank] ?? '',
      earnMultiplier: multiplier,
      multiplierFunder: funder,
      ladderVersion: 3,
    })),
  });
const SINCE = '2026-02-20T00:00:00+08:00';
const rank = (walletId: string, funder: string, version: bigint, multiplier = '1.25'): Promise<void> =>
  ranks(walletId, funder, version, [{ since: SINCE, multiplier }]);
const outstanding = async (issuer: string): Promise<number> => {
  const { body } = await rig.ledger.asService('GET', '/internal/v1/outstanding');
  const issuers = body.issuers as { brand: string; points: string }[];
  return Number(issuers.find(({ brand }) => brand === issuer)?.points ?? 0);
};

describe('a rank', () => {
  it('adds a separate lot owed by the operator, and returns take it back from there', async () => {
    const member = rig.ledger.member('aurora');
    await rank(member.walletId, 'operator', 1n);
    const before = await outstanding('operator');
    const bought = await buy(member.memberRef, 'T-1', 5_600);
    expect(bought.body).toMatchObject({
      points: { earned: 70, pending: 0 },
      lines: [{ lineId: '1', points: 56 }],
      trace: ['base v1: 1 per 100 on 5600 = 56', 'tier gold ×1.25 on 56 = 14'],
      wallet: { available: 70 },
    });
    expect(await lotsOf(member.memberRef)).toEqual(
      expect.arrayContaining([
        ['aurora', 'purchase', 56],
        ['operator', 'tier_bonus', 14],
      ]),
    );
    expect((await outstanding('operator')) - before).toBe(14);
    expect((await buy(member.memberRef, 'T-1', 5_600)).body).toEqual(bought.body);
    // a later tier does not affect earlier orders
    await rank(member.walletId, 'operator', 2n, '2');
    expect((await giveBack('T-1', 'T-1-r', 5, 2_800)).body.points).toEqual({
      reversed: 35,
      fromPending: 0,
      expired: 0,
      toDebt: 0,
    });
    expect((await outstanding('operator')) - before).toBe(7);
    expect((await giveBack('T-1', 'T-1-s', 5, 2_800)).body).toMatchObject({
      points: { reversed: 35 },
      wallet: { available: 0 },
    });
    expect((await outstanding('operator')) - before).toBe(0);
    expect((await rig.ledger.asBrand('aurora', 'GET', '/v1/orders/T-1')).body.points).toMatchObject({
      earned: 70,
      reversed: 70,
    });
  });

  it('funded by the seller is owed by the seller; an older version of it changes nothing', async () => {
    const member = rig.ledger.member('aurora');
    await rank(member.walletId, 'seller', 5n);
    await rank(member.walletId, 'operator', 4n, '3');
    expect((await buy(member.memberRef, 'T-2', 5_600)).body.points.earned).toBe(70);
    expect((await lotsOf(member.memberRef)).map(([issuer]) => issuer)).toEqual(['aurora', 'aurora']);
  });

  it('counts from when it was reached, and spent points become a debt to each issuer when the goods come back', async () => {
    const member = rig.ledger.member('aurora');
    await rank(member.walletId, 'operator', 1n);
    expect(
      (await buy(member.memberRef, 'T-3', 5_600, { occurredAt: '2026-02-19T12:00:00+08:00' })).body.points.earned,
    ).toBe(56);
    expect((await giveBack('T-3', 'T-3-r', 10, 5_600)).body.wallet.available).toBe(0);
    await buy(member.memberRef, 'T-4', 10_000);
    const spent = await rig.ledger.asBrand('aurora', 'POST', '/v1/authorizations', {
      externalId: 'T-4-a',
      memberRef: member.memberRef,
      points: 125,
    });
    await rig.ledger.asBrand('aurora', 'POST', `/v1/authorizations/${spent.body.id}/captures`, { externalId: 'T-4-c' });
    expect((await giveBack('T-4', 'T-4-r', 10, 10_000)).body.points).toEqual({
      reversed: 125,
      fromPending: 0,
      expired: 0,
      toDebt: 125,
    });
    // new points of each issuer repay the debt to it
    const again = await buy(member.memberRef, 'T-5', 10_000);
    expect(again.body).toMatchObject({ points: { earned: 125 }, wallet: { available: 0 } });
    const { body } = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`);
    expect(body).toMatchObject({ available: 0, debt: 0, balance: 0 });
  });

  it('in force at the time of a late order applies to the order and its return', async () => {
    const member = rig.ledger.member('aurora');
    await ranks(member.walletId, 'operator', 3n, [
      { since: '2026-02-15T00:00:00+08:00' },
      { since: '2026-02-25T00:00:00+08:00', rank: 3, multiplier: '2' },
      { since: '2026-03-05T00:00:00+08:00', rank: 0, multiplier: '1' },
    ]);
    const on = async (day: string, externalId: string): Promise<number> =>
      (await buy(member.memberRef, externalId, 5_600, { occurredAt: `${day}T12:00:00+08:00` })).body.points.earned;
    expect([
      await on('2026-02-14', 'L-1'),
      await on('2026-02-15', 'L-2'),
      await on('2026-03-04', 'L-3'),
      await on('2026-03-05', 'L-4'),
    ]).toEqual([56, 70, 112, 56]);
    expect((await giveBack('L-2', 'L-2-r', 10, 5_600)).body.points.reversed).toBe(70);
  });

  it('applies from the moment it is published, even on instances that did not receive the event', async () => {
    const [one, other] = [rig.ledger.member('aurora'), rig.ledger.member('aurora')];
    expect((await buy(one.memberRef, 'N-1', 5_600)).body.points.earned).toBe(56);
    expect((await buy(other.memberRef, 'N-2', 5_600)).body.points.earned).toBe(56);
    await rank(one.walletId, 'operator', 1n);
    expect((await buy(one.memberRef, 'N-3', 5_600)).body.points.earned).toBe(70);
    const steps = [{ ...gold, since: Date.parse(SINCE) }];
    await rig.ledger.dataSource.transaction((tx) =>
      rig.ledger.service.app
        .get(TiersRepository, { strict: false })
        .put(tx, [{ walletId: other.walletId, version: 1, steps }]),
    );
    const tiers = rig.ledger.service.app.get(MemberTiersService, { strict: false });
    for (let left = 100; (await tiers.at(other.walletId, new Date(AT))) === null; left -= 1) {
      expect(left).toBeGreaterThan(0);
      await sleep(20);
    }
    expect((await buy(other.memberRef, 'N-4', 5_600)).body.points.earned).toBe(70);
  });

  it('applies to what is left of an order even if it added nothing to the whole order', async () => {
    const member = rig.ledger.member('aurora');
    await rank(member.walletId, 'operator', 1n);
    // 1.00 × 1.25 and 0.80 × 1.25 are both one point
    expect((await buy(member.memberRef, 'Z-1', 100)).body.points.earned).toBe(1);
    expect((await giveBack('Z-1', 'Z-1-r', 1, 20)).body.points.reversed).toBe(0);
    expect((await giveBack('Z-1', 'Z-1-s', 9, 80)).body.points.reversed).toBe(1);
  });

  it('decides which rules apply to a line', async () => {
    await rig.ledger.brand('dune');
    await rig.ledger.rule('dune');
    await rig.ledger.rule('dune', { name: 'gold', match: { tiers: ['gold'] }, earn: { points: 3, per: 100 } });
    const [golden, plain] = [rig.ledger.member('dune'), rig.ledger.member('dune')];
    await rank(golden.walletId, 'seller', 1n, '1');
    const at = (memberRef: string, id: string): Promise<Answer> =>
      rig.ledger.asBrand('dune', 'POST', '/v1/orders', order(id, memberRef, 1_000));
    expect((await at(golden.memberRef, 'D-1')).body.trace).toEqual(['gold v1: 3 per 100 on 1000 = 30']);
    expect((await at(plain.memberRef, 'D-2')).body.points.earned).toBe(10);
  });
});
