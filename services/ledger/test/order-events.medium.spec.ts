import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';

import { OrderDeliveredSchema, OrderRecordedSchema, OrderReturnedSchema } from '#libs/contracts';
import type { OutgoingRecord } from '#libs/messaging';
import type { Answer } from '#libs/testing';
import { WireIdsService } from '../src/ids/wire-ids.service.js';
import { OrderEventsSource } from '../src/orders/order-events.source.js';
import { readAll } from './ledger-under-test.js';
import { AT, buy, giveBack, ledgerWithRules, order } from './orders-under-test.js';

const rig = ledgerWithRules();

describe('orders as events', () => {
  const eventsOf = async (walletId: string): Promise<OutgoingRecord[]> => {
    const source = rig.ledger.service.app.get(OrderEventsSource, { strict: false });
    return (await readAll(rig.ledger.database.databaseUrl, source)).filter(({ key }) => key === walletId);
  };

  it('cover every order, its returns and its delivery, in that order', async () => {
    const member = rig.ledger.member('aurora');
    const referral = { code: 'SPRING', click: 'ck-1' };
    const bought = await buy(member.memberRef, 'E-1', 5_600, { referral, fulfilment: 'delivery', campaign: 'spring' });
    await buy(member.memberRef, 'E-2', 0);
    await giveBack('E-1', 'E-1-r', 4, 2_000);
    const delivered = { externalId: 'E-1-d', occurredAt: '2026-03-04T08:00:00+08:00' };
    const deliver = (): Promise<Answer> => rig.ledger.asBrand('aurora', 'POST', '/v1/orders/E-1/deliveries', delivered);
    const first = await deliver();
    expect(first).toMatchObject({
      status: 201,
      body: { externalId: 'E-1-d', points: { released: 0, expired: 0 }, wallet: { available: 36 } },
    });
    expect((await deliver()).body).toEqual(first.body);
    expect((await rig.ledger.asBrand('aurora', 'POST', '/v1/orders/none/deliveries', delivered)).status).toBe(422);
    expect(
      (await rig.ledger.asBrand('aurora', 'POST', '/v1/orders/none/deliveries', { ...delivered, externalId: 'x' }))
        .status,
    ).toBe(404);

    const events = await eventsOf(member.walletId);
    expect(events.map(({ schemaName }) => schemaName.split('.').at(-1))).toEqual([
      'OrderRecorded',
      'OrderRecorded',
      'OrderReturned',
      'OrderDelivered',
    ]);
    const [recorded, nothing, returned, delivery] = events.map(({ value }) => value);
    const id = rig.ledger.service.app.get(WireIdsService, { strict: false }).in('od', bought.body.id);
    const one = fromBinary(OrderRecordedSchema, recorded ?? new Uint8Array());
    expect(one).toMatchObject({
      orderId: id,
      externalId: 'E-1',
      brand: 'aurora',
      walletId: member.walletId,
      fulfilment: 'delivery',
    });
    expect(one).toMatchObject({
      referral: { code: 'SPRING', guide: '', click: 'ck-1' },
      campaign: 'spring',
      currency: 'CNY',
    });
    expect(one.lines).toMatchObject([{ lineId: '1', sku: 'latte', category: 'drinks', quantity: 10n, net: 5_600n }]);
    expect(fromBinary(OrderRecordedSchema, nothing ?? new Uint8Array())).toMatchObject({
      externalId: 'E-2',
      fulfilment: 'in_store',
    });
    const back = fromBinary(OrderReturnedSchema, returned ?? new Uint8Array());
    expect(back).toMatchObject({
      orderId: id,
      orderExternalId: 'E-1',
      externalId: 'E-1-r',
      memberRef: member.memberRef,
    });
    expect(back.lines).toMatchObject([{ lineId: '1', quantity: 4n, net: 2_000n }]);
    const there = fromBinary(OrderDeliveredSchema, delivery ?? new Uint8Array());
    expect(there).toMatchObject({ orderId: id, orderExternalId: 'E-1', brand: 'aurora' });
    expect(there.occurredAt && timestampDate(there.occurredAt).toISOString()).toBe('2026-03-04T00:00:00.000Z');
    expect(new Set(events.map((event) => event.id)).size).toBe(4);
  });

  it('let points wait for the delivery if the rule requires it', async () => {
    await rig.ledger.brand('ember');
    expect((await rig.ledger.rule('ember', { pendingUntil: 'delivered', pendingDays: 3 })).status).toBe(422);
    expect((await rig.ledger.rule('ember', { pendingUntil: 'delivered' })).body.pendingUntil).toBe('delivered');
    const member = rig.ledger.member('ember');
    const at = (id: string, over: object): Promise<Answer> =>
      rig.ledger.asBrand('ember', 'POST', '/v1/orders', order(id, member.memberRef, 1_000, over));
    expect((await at('M-1', {})).body.points).toMatchObject({ earned: 10, pending: 0 });
    expect((await at('M-2', { fulfilment: 'delivery' })).body.points).toEqual({
      earned: 0,
      pending: 10,
      availableAt: null,
    });
    const delivered = await rig.ledger.asBrand('ember', 'POST', '/v1/orders/M-2/deliveries', {
      externalId: 'M-2-d',
      occurredAt: AT,
    });
    expect(delivered.body).toMatchObject({ points: { released: 10 }, wallet: { available: 20 } });
  });
});
