import { MemberLinks } from '#libs/directory';
import { CONFIG } from '#libs/http';
import { AllianceClock, uuidv7 } from '#libs/kernel';

import { back, fault, ledgerWithStore, line, order, post, sendBack } from '../../test/store-under-test.js';
import type { Json } from '../../test/store-under-test.js';
import { WireIdsService } from '../ids/wire-ids.service.js';
import { PostingsService } from '../postings/postings.service.js';
import { KnownOperationsService } from '../replies/known-operations.service.js';
import { RuleBookService } from '../rules/rule-book.service.js';
import { TradingService } from '../trading/trading.service.js';
import { OrderReturnsService } from './order-returns.service.js';
import { PurchasesService } from './purchases.service.js';

const rig = ledgerWithStore();

describe('returns', () => {
  it('201: post the difference, repeat with the same bytes, end at zero', async () => {
    const own = rig.ledger.member('aurora');
    const lines = [
      { ...line, quantity: 3, net: 199 },
      { ...line, lineId: '2', net: 250 },
      { ...line, lineId: '3', category: 'gift-card', net: 5000 },
    ];
    const bought = await post(order('R-1', { memberRef: own.memberRef, lines }));
    expect(bought.body.points.earned).toBe(4);
    const first = await sendBack('R-1', back('ret-1', [{ lineId: '1', quantity: 1, net: 49 }]));
    expect([first.status, first.body]).toEqual([
      201,
      {
        id: expect.stringMatching(/^rt_/),
        points: { reversed: 0, fromPending: 0, expired: 0, toDebt: 0 },
        wallet: { available: 4 },
      },
    ]);
    const all = back('ret-2', [
      { lineId: '1', quantity: 2, net: 150 },
      { lineId: '2', quantity: 2, net: 250 },
      { lineId: '3', quantity: 2, net: 5000 },
    ]);
    const second = await sendBack('R-1', all);
    expect(second.body).toMatchObject({ points: { reversed: 4 }, wallet: { available: 0 } });
    const again = await sendBack('R-1', all);
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([second.text, 'true']);
    const view = await rig.ledger.asBrand('aurora', 'GET', '/v1/orders/R-1');
    expect(view.body.points).toEqual({ earned: 4, pending: 0, availableAt: null, reversed: 4 });
    expect(view.body.lines[0].returned).toEqual({ quantity: 3, net: 199 });
  });

  it('of a member who has left or has another wallet are accepted, as are deliveries, without revealing the wallet', async () => {
    const gone = rig.ledger.member('aurora');
    const moved = rig.ledger.member('aurora');
    for (const { memberRef } of [gone, moved])
      expect((await post(order(`left-${memberRef}`, { memberRef, fulfilment: 'delivery' }))).status).toBe(201);
    await rig.ledger.endLink(gone.memberRef);
    await rig.ledger.tellLink({ ...moved, walletId: uuidv7(), brand: 'aurora', status: 'active', version: 2n });
    const { occurredAt } = back('', []);
    for (const { memberRef } of [gone, moved]) {
      const calls: [string, Json][] = [
        ['deliveries', { externalId: `dl-${memberRef}`, occurredAt }],
        ['returns', back(`ret-${memberRef}`, [{ lineId: '1', quantity: 1, net: 1 }])],
      ];
      for (const [what, body] of calls) {
        const path = `/v1/orders/left-${memberRef}/${what}`;
        const answer = await rig.ledger.asBrand('aurora', 'POST', path, body);
        expect([answer.status, answer.body.wallet]).toEqual([201, null]);
        expect((await rig.ledger.asBrand('aurora', 'POST', path, body)).text).toBe(answer.text);
      }
    }
  });

  it('422: more than was bought, by line, quantity or net', async () => {
    await post(order('R-2'));
    const refused = async (lines: Json[]): Promise<unknown[]> => fault(await sendBack('R-2', back('ret-3', lines)));
    const code = 'return_exceeds_purchase';
    expect(await refused([{ lineId: '9', quantity: 1, net: 1 }])).toEqual([422, code, [['/lines/0/lineId', code]]]);
    expect(await refused([{ lineId: '1', quantity: 3, net: 1 }])).toEqual([422, code, [['/lines/0/quantity', code]]]);
    expect(await refused([{ lineId: '1', quantity: 1, net: 5601 }])).toEqual([422, code, [['/lines/0/net', code]]]);
  });

  it('parallel returns of one order end at the figure of what is left', async () => {
    const own = rig.ledger.member('aurora');
    await post(order('R-4', { memberRef: own.memberRef, lines: [{ ...line, quantity: 10, net: 1055 }] }));
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => sendBack('R-4', back(`par-${i}`, [{ lineId: '1', quantity: 1, net: 105 }]))),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    const reversed = answers.reduce((sum, { body }) => sum + (body.points.reversed as number), 0);
    expect(reversed).toBe(10 - 2);
    const wallet = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${own.memberRef}/wallet`);
    expect(wallet.body.available).toBe(2);
  });

  it('accept any line names of the brand', async () => {
    const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];
    const bought = await post(order('R-6', { lines: names.map((lineId) => ({ ...line, lineId })) }));
    expect([bought.status, bought.body.points.earned]).toEqual([201, 224]);
    for (const quantity of [1, 2]) {
      const lines = names.map((lineId) => ({ lineId, quantity: 1, net: 2800 }));
      const answer = await sendBack('R-6', back(`ret-6-${quantity}`, lines));
      expect([answer.status, answer.body.points.reversed]).toEqual([201, 112]);
      const view = await rig.ledger.asBrand('aurora', 'GET', '/v1/orders/R-6');
      const returned = (view.body.lines as Json[]).map((l) => l['returned']);
      expect(returned).toEqual(names.map(() => ({ quantity, net: 2800 * quantity })));
    }
  });

  it('use the rules of the order’s own date', async () => {
    await post(order('R-5'));
    await rig.ledger.rule('aurora', { earn: { points: 50, per: 1 } });
    const answer = await sendBack('R-5', back('ret-5', [{ lineId: '1', quantity: 1, net: 2800 }]));
    expect(answer.body.points.reversed).toBe(28);
  });
});

it('a return uses its order’s rules on every instance, even one that has not received them', async () => {
  const get = <T>(type: new (...needs: never[]) => T): T => rig.ledger.service.app.get(type, { strict: false });
  // another process that misses notices of new rules
  const book = new RuleBookService(
    rig.ledger.service.app.get(CONFIG, { strict: false }),
    rig.ledger.dataSource,
    get(RuleBookService)['repository'],
  );
  const elsewhere = new OrderReturnsService(
    get(AllianceClock),
    get(TradingService),
    book,
    get(PostingsService),
    get(PurchasesService),
    get(MemberLinks),
    get(KnownOperationsService),
    get(WireIdsService),
  );
  const occurredAt = new Date('2026-03-02T00:00:00Z');
  await book.inForce('aurora', occurredAt);
  await rig.ledger.rule('aurora', { name: 'new', match: { categories: ['new'] }, earn: { points: 1, per: 50 } });
  const body = order('A-new', { lines: [{ ...line, category: 'new', quantity: 2, net: 1000 }] });
  expect((await post(body)).body.points.earned).toBe(20);
  const lines = [{ lineId: '1', quantity: 1n, net: 500n }];
  const back = await elsewhere.accept('aurora', 'A-new', { externalId: 'A-new-back', occurredAt, lines }, undefined);
  expect([back.status, back.body]).toMatchObject([201, { points: { reversed: 10 } }]);
});
