import type { Answer } from '#libs/testing';
import { back, ledgerWithStore, line, order, post, sendBack } from '../../test/store-under-test.js';
import type { Json } from '../../test/store-under-test.js';

const rig = ledgerWithStore();

describe('a repeated order', () => {
  it('answers a repeat with the same bytes, whatever happened meanwhile', async () => {
    const body = order('A-1002');
    const first = await post(body);
    await post(order('A-1003'));
    const { campaign: _, authorizationId: __, ...shorter } = body;
    // a different form of the same content counts as the same content
    const again = await post({ ...shorter, occurredAt: '2026-03-02T00:00:00Z' });
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  it('has one effect under parallel repeats', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => post(order('A-1004'))));
    const texts = new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text));
    expect(texts.size).toBe(1);
    expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
  });
});

describe('a key that is used for something else is refused:', () => {
  it('the same key with other content, and keeps the first', async () => {
    await post(order('A-2001'));
    const other = await post(order('A-2001', { lines: [{ ...line, net: 5601 }] }));
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
  });

  it('the same Idempotency-Key for another order', async () => {
    const key = { 'idempotency-key': 'till-7' };
    const first = await post(order('A-2002'), key);
    expect((await post(order('A-2002'), key)).text).toBe(first.text);
    const other = await post(order('A-2003'), key);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
  });

  it('the Idempotency-Key of a repeat for another order', async () => {
    const first = await post(order('A-2004'));
    const key = { 'idempotency-key': 'till-8' };
    expect((await post(order('A-2004'), key)).text).toBe(first.text);
    const other = await post(order('A-2005'), key);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
    expect((await post(order('A-2004'), key)).text).toBe(first.text);
  });

  it('the Idempotency-Key of a repeat whose member has another wallet by now, for another order', async () => {
    const own = rig.ledger.member('aurora');
    const first = await post(order('A-2006', { memberRef: own.memberRef }));
    await rig.ledger.endLink(own.memberRef);
    const key = { 'idempotency-key': 'till-9' };
    expect((await post(order('A-2006', { memberRef: own.memberRef }), key)).text).toBe(first.text);
    const other = await post(order('A-2007'), key);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
  });
});

describe('a return is refused for', () => {
  it('the same key with other content, even if everything is already back', async () => {
    await post(order('R-3'));
    await sendBack('R-3', back('ret-4', [{ lineId: '1', quantity: 2, net: 5600 }]));
    const other = await sendBack('R-3', back('ret-4', [{ lineId: '1', quantity: 1, net: 5600 }]));
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
  });

  it('the Idempotency-Key of another call, even if the return itself would be refused', async () => {
    await post(order('R-8'));
    const key = { 'idempotency-key': 'ret-key-8' };
    const all = [{ lineId: '1', quantity: 2, net: 5600 }];
    const path = '/v1/orders/R-8/returns';
    expect((await rig.ledger.asBrand('aurora', 'POST', path, back('ret-8', all), key)).status).toBe(201);
    const other = await rig.ledger.asBrand('aurora', 'POST', path, back('ret-9', all), key);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
    const own = await rig.ledger.asBrand('aurora', 'POST', path, back('ret-9', all), {
      'idempotency-key': 'ret-key-9',
    });
    expect([own.status, own.body.code]).toEqual([422, 'return_exceeds_purchase']);
  });

  it('the Idempotency-Key of a repeat, for another return', async () => {
    await post(order('R-10'));
    const half = [{ lineId: '1', quantity: 1, net: 2800 }];
    const all = [{ lineId: '1', quantity: 2, net: 5600 }];
    const path = '/v1/orders/R-10/returns';
    const key = (name: string): Record<string, string> => ({ 'idempotency-key': name });
    const first = await sendBack('R-10', back('ret-10', half));
    expect((await rig.ledger.asBrand('aurora', 'POST', path, back('ret-10', half), key('ret-key-10'))).text).toBe(
      first.text,
    );
    const other = await rig.ledger.asBrand('aurora', 'POST', path, back('ret-11', half), key('ret-key-10'));
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
    // everything is back: the repeat is found only after the rule of returns has refused it
    await post(order('R-11'));
    const whole = await sendBack('R-11', back('ret-12', all));
    const again = await rig.ledger.asBrand(
      'aurora',
      'POST',
      '/v1/orders/R-11/returns',
      back('ret-12', all),
      key('ret-key-12'),
    );
    expect(again.text).toBe(whole.text);
    const third = await rig.ledger.asBrand('aurora', 'POST', path, back('ret-13', half), key('ret-key-12'));
    expect([third.status, third.body.code]).toEqual([422, 'idempotency_conflict']);
  });
});

it('one key for two members in parallel has one effect; all others get a conflict', async () => {
  const pair = [rig.memberRef, ...Array.from({ length: 3 }, () => rig.ledger.member('aurora').memberRef)];
  for (let round = 0; round < 10; round += 1) {
    // half of the rounds share the externalId, the others share the Idempotency-Key
    const answers = await Promise.all(
      pair.map((ref, n) => {
        const body = order(round % 2 === 0 ? `K-${round}` : `K-${round}-${n}`, { memberRef: ref });
        return post(body, round % 2 === 0 ? {} : { 'idempotency-key': `k-${round}` });
      }),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    const losers = answers.filter(({ status }) => status !== 201);
    expect(losers.map(({ body }) => body.code)).toEqual(Array(3).fill('idempotency_conflict'));
  }
});

it('a new Idempotency-Key for a repeat and for another order in parallel is kept by one; the other gets a conflict', async () => {
  for (let round = 0; round < 10; round += 1) {
    const own = rig.ledger.member('aurora');
    const repeat = order(`Q-${round}`, { memberRef: own.memberRef });
    expect((await post(repeat)).status).toBe(201);
    // in half of the rounds a check refuses the repeat before the books see it
    if (round % 2 === 0) await rig.ledger.endLink(own.memberRef);
    const key = { 'idempotency-key': `q-${round}` };
    const answers = await Promise.all([post(repeat, key), post(order(`Q-${round}-other`), key)]);
    expect(answers.map(({ status, body }) => [status, body.code]).sort()).toEqual([
      [201, undefined],
      [422, 'idempotency_conflict'],
    ]);
  }
});

it('hundreds of parallel returns of one order are done in turn, and a repeat among them is a repeat', async () => {
  const own = rig.ledger.member('aurora');
  await post(order('R-5', { memberRef: own.memberRef, lines: [{ ...line, quantity: 300, net: 30_000 }] }));
  const one = (i: number): Promise<Answer> =>
    sendBack('R-5', back(`many-${i}`, [{ lineId: '1', quantity: 1, net: 100 }]));
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => one(i)).concat(one(7)));
  expect(answers.map(({ status, body }) => [status, body.code])).toEqual(answers.map(() => [201, undefined]));
  expect(answers.at(-1)?.text).toBe(answers[7]?.text);
  const wallet = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${own.memberRef}/wallet`);
  expect(wallet.body.available).toBe(100);
});

describe('a repeat gets its first answer', () => {
  it('even if the brand was suspended and the member left meanwhile', async () => {
    await rig.ledger.brand('frost');
    await rig.ledger.rule('frost');
    const member = rig.ledger.member('frost');
    const { memberRef } = member;
    const occurredAt = '2026-03-02T08:00:00+08:00';
    const bought = (externalId: string, net = 5_000): Json =>
      order(externalId, { memberRef, storeRef: null, lines: [{ ...line, quantity: 10, net }] });
    const call = (path: string, body: object): Promise<Answer> => rig.ledger.asBrand('frost', 'POST', path, body);
    const calls: [string, object][] = [
      ['/v1/orders', bought('F-1')],
      [
        '/v1/orders/F-1/returns',
        { externalId: 'F-1-r', occurredAt, lines: [{ lineId: '1', quantity: 10, net: 5_000 }] },
      ],
      ['/v1/grants', { externalId: 'F-2', memberRef, points: 100, reason: 'signup' }],
      ['/v1/authorizations', { externalId: 'F-3', memberRef, points: 10 }],
    ];
    const quote = await call('/v1/quotes', { memberRef, points: 10, basketTotal: 1_000, currency: 'CNY' });
    const answers: Answer[] = [];
    for (const [path, body] of calls) answers.push(await call(path, body));
    calls.push(['/v1/authorizations', { externalId: 'F-4', quoteId: quote.body.id }]);
    answers.push(await call('/v1/authorizations', { externalId: 'F-4', quoteId: quote.body.id }));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    await rig.ledger.endLink(memberRef);
    await rig.ledger.at('2026-03-20T08:00:00+08:00');
    const expectRepeats = async (): Promise<void> => {
      for (const [index, [path, body]] of calls.entries()) {
        const again = await call(path, body);
        expect([path, again.status, again.text]).toEqual([path, answers[index]?.status, answers[index]?.text]);
        expect(again.headers.get('idempotency-replayed')).toBe('true');
      }
    };
    await expectRepeats();
    await rig.ledger.brand('frost', { status: 'suspended' });
    await expectRepeats();
    expect((await call('/v1/orders', bought('F-9'))).body.code).toBe('brand_suspended');
    expect((await call('/v1/orders', bought('F-1', 5_001))).body.code).toBe('idempotency_conflict');
  });
});
