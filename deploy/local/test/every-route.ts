import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { aBrand, aContract, aMember, anEarningRule, anOrder, expectInvariants, somePhone } from '#libs/testing';
import type { ContributeDto, EarningRuleDto, HezongClient, OrderDto, ParkedEvent } from '#libs/sdk';
import { byTwo } from '../network/by-two.js';
import { Client, newBrand, secondOperator } from './client.js';
import type { LiveAnswers } from './live-answers.js';
import type { LocalNetwork } from './local-network.js';

const CYCLE = '2027-08';
const at = (day: string): string => `${CYCLE}-${day}T08:00:00+08:00`;
const FAR = '2099-01-01T00:00:00+08:00';

/** Operations at which no call can succeed here. */
const IMPOSSIBLE = [
  // the clock stands months ahead, and time does not go back; services/partners/test/test-clock.medium.spec.ts makes it
  'DELETE /v1/operator/test-clock',
];

/** What an answer says once it has come to that. */
async function until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (let left = 200; ; left -= 1) {
    const answer = await ask();
    if (holds(answer) || left === 0) return answer;
    await sleep(100);
  }
}

/**
 * One small call of each operation that nothing before it reaches, so that each has been answered with success, and its answer held
 * against the document. Goes before the hostile calls, which succeed by chance.
 */
export function everyRoute(network: () => LocalNetwork, answers: () => LiveAnswers): void {
  describe('every route', () => {
    let client: Client;
    let operator: HezongClient;
    let second: HezongClient;
    /** ivory sells and issues, jade contributes the members and redeems. */
    let ivory: HezongClient;
    let jade: HezongClient;
    const buyer = { ivory: '', jade: '' };
    const promoter = { ivory: '', jade: '' };
    /** Promotes, and leaves. */
    let leaver = '';
    let offerId = '';

    const clock = (now: string): Promise<unknown> => operator.testClock.set({ body: { now } });
    const settled = async (): Promise<unknown> => expectInvariants(network().gateway, await client.bearer());
    const join = async (brand: HezongClient, externalId: string, phone: string): Promise<string> =>
      (await brand.members.contribute({ body: aMember(externalId, { phone }) as ContributeDto })).memberRef;
    const sql = async <T extends pg.QueryResultRow>(
      database: string,
      text: string,
      values: unknown[],
    ): Promise<T[]> => {
      const owner = new pg.Client({ connectionString: network().adminUrl(database) });
      await owner.connect();
      try {
        return (await owner.query<T>(text, values)).rows;
      } finally {
        await owner.end();
      }
    };
    const order = (externalId: string, memberRef: string, net: number, over: object = {}) => {
      const body = anOrder(externalId, memberRef, 'ivory-1', net, { occurredAt: at('10'), ...over });
      return ivory.orders.accept({ body: body as unknown as OrderDto });
    };

    beforeAll(async () => {
      const { sandbox } = network();
      client = new Client(sandbox, sandbox.operator);
      operator = client.hezong;
      second = secondOperator(sandbox);
      await clock(at('10'));
      ivory = (await newBrand(client, sandbox, aBrand('ivory'), aContract())).hezong;
      jade = (await newBrand(client, sandbox, aBrand('jade'), aContract())).hezong;
      const [one, two] = [somePhone(), somePhone()];
      buyer.jade = await join(jade, 'jade-buyer', one);
      buyer.ivory = await join(ivory, 'ivory-buyer', one);
      promoter.jade = await join(jade, 'jade-promoter', two);
      promoter.ivory = await join(ivory, 'ivory-promoter', two);
      leaver = await join(jade, 'jade-leaver', somePhone());
    });

    it('starts a network and reads its clock', async () => {
      expect(await operator.health.health()).toMatchObject({ status: 'ready' });
      expect(await operator.testClock.read()).toEqual({
        now: new Date(at('10')).toISOString().replace('.000', ''),
        frozen: true,
      });
    });

    it('changes a brand and gives its client a second secret', async () => {
      const path = { slug: 'ivory' };
      const { ref } = await operator.brands.addStore({ path, body: { ref: 'ivory-2', name: 'Second store' } });
      const read = await client.call('GET', '/v1/operator/brands/ivory');
      const change = { name: 'Ivory & sons' };
      const tag = { 'if-match': read.headers.get('etag') ?? '' };
      const changed = await client.call('PATCH', '/v1/operator/brands/ivory', change, tag);
      expect(changed.body).toMatchObject({ ...change, stores: [{ ref: 'ivory-1' }, { ref }] });
      expect((await operator.brands.list({ query: { limit: 1 } })).page.more).toBe(true);
      const { data } = await operator.clients.list({ path });
      const clientId = data[0]?.clientId ?? '';
      const { secretId, clientSecret } = await byTwo(second, () =>
        operator.clients.addSecret({ path: { ...path, clientId } }),
      );
      await new Client(network().sandbox, { clientId, clientSecret }).bearer();
      await operator.clients.revokeSecret({ path: { ...path, clientId, secretId } });
      await expect(new Client(network().sandbox, { clientId, clientSecret }).bearer()).rejects.toThrow('401');
    });

    it('renews the operator’s secret and the token keys, and refuses a request of a client', async () => {
      const { clientId } = network().sandbox.operator;
      const { secretId, clientSecret } = await byTwo(second, () =>
        operator.operatorClients.addSecret({ path: { clientId } }),
      );
      await new Client(network().sandbox, { clientId, clientSecret }).bearer();
      await operator.operatorClients.revokeSecret({ path: { clientId, secretId } });
      expect((await operator.operatorClients.list()).data.map((one) => one.clientId)).toContain(clientId);

      const coming = (await operator.signingKeys.list()).data.find(({ status }) => status === 'next');
      const { data } = await byTwo(second, () => operator.signingKeys.rotate());
      expect(data.find(({ status }) => status === 'current')?.kid).toBe(coming?.kid);

      const asked = await client.call('POST', '/v1/operator/clients', { name: 'a third' });
      const reason = 'two are enough';
      const refused = await second.approvals.refuse({ path: { id: asked.body.approval }, body: { reason } });
      expect(refused).toMatchObject({ act: 'operator_client.create', state: 'refused', reason });
    });

    it('publishes a rule, and starts and ends a ladder', async () => {
      const rule = anEarningRule('ivory', { pendingUntil: 'delivered' }) as EarningRuleDto;
      const { id } = await operator.earningRules.add({ body: rule });
      expect(await operator.earningRules.find({ path: { id: id ?? '' } })).toMatchObject({ id, brand: 'ivory' });
      expect((await operator.earningRules.list({ query: { brand: 'ivory' } })).data).toMatchObject([{ id }]);
      const open = (await operator.ladders.list()).data.find(({ validTo }) => validTo === null);
      const { version } = (await operator.ladders.propose({
        body: {
          name: 'every route',
          validFrom: at('10'),
          supersedes: open?.version ?? null,
          window: { kind: 'calendar_year' },
          others: { weight: '1' },
          ranks: [
            { code: 'member' },
            { code: 'silver', conditions: { visits: 90_000 } },
            { code: 'gold', conditions: { visits: 95_000 } },
            { code: 'black', conditions: { visits: 99_000 } },
          ],
        },
      })) as { version: number };
      await operator.ladders.end({ path: { version }, body: { validTo: FAR } });
      const { validTo } = await operator.ladders.one({ path: { version } });
      expect(Date.parse(validTo ?? '')).toBe(Date.parse(FAR));
    });

    it('gives a member a rank by a brand’s own tier, and for a time by a grant', async () => {
      const [memberRef, path] = [buyer.ivory, { memberRef: buyer.ivory }];
      await ivory.maps.create({ body: { brandTier: 'regular', rank: 1, validFrom: at('10') } });
      expect((await ivory.maps.list()).data).toMatchObject([{ brandTier: 'regular', rank: 1 }]);
      expect(await ivory.tiers.report({ path, body: { brandTier: 'regular' } })).toMatchObject({ tier: 'silver' });
      const body = { externalId: 'ER-T', memberRef, source: 'manual', rank: 2, to: FAR, reason: 'a jury' } as const;
      const { id } = await byTwo(second, () => operator.grants.create({ body }));
      expect(await operator.tierInFull.one({ path })).toMatchObject({ tier: 'gold' });
      await operator.grants.revoke({ path: { id }, body: { reason: 'withdrawn' } });
      expect(await operator.grants.one({ path: { id } })).toMatchObject({ id, state: 'revoked' });
      expect((await operator.grants.list({ query: { memberRef } })).data).toMatchObject([{ id }]);
      expect((await operator.tierHistory.history({ path })).data.map(({ to }) => to)).toEqual([1, 2, 1]);
    });

    it('holds and releases points, waits for a delivery, takes goods back, and expires a campaign', async () => {
      const path = { memberRef: buyer.ivory };
      await order('ER-1', buyer.ivory, 100_000);
      const hold = await jade.authorizations.authorize({
        body: { externalId: 'ER-H', memberRef: buyer.jade, storeRef: 'jade-1', points: 300 },
      });
      expect((await jade.wallet.wallet({ path: { memberRef: buyer.jade } })).held).toBe(300);
      const voided = await jade.authorizations.voidHold({ path: { id: hold.id }, body: { externalId: 'ER-V' } });
      expect(voided).toMatchObject({ status: 'voided', captured: 0 });
      expect((await jade.authorizations.find({ path: { id: hold.id } })).status).toBe('voided');

      await order('ER-2', buyer.ivory, 10_000, { fulfilment: 'delivery' });
      const delivery = { externalId: 'ER-D', occurredAt: at('10') };
      expect(await ivory.orders.acceptDelivery({ path: { externalId: 'ER-2' }, body: delivery })).toMatchObject({
        points: { released: 100 },
      });
      const back = { externalId: 'ER-R', occurredAt: at('10'), lines: [{ lineId: '1', quantity: 1, net: 5_000 }] };
      await ivory.orders.acceptReturn({ path: { externalId: 'ER-2' }, body: back });
      expect((await ivory.orders.find({ path: { externalId: 'ER-2' } })).points).toMatchObject({ reversed: 50 });

      const gift = { externalId: 'ER-G', memberRef: buyer.ivory, points: 70, reason: 'fair', campaign: 'fair' };
      await ivory.grants.give({ body: gift });
      const lots = (await operator.wallet.lots({ path })).data;
      expect(lots.find(({ campaign }) => campaign === 'fair')).toMatchObject({ issuer: 'ivory', remaining: 70 });
      const end = { externalId: 'ER-X', brand: 'ivory', campaign: 'fair', reason: 'over' };
      expect(await operator.expirations.expire({ body: end })).toEqual({ points: 70, lots: 1 });
      expect((await ivory.wallet.expirations({ path })).data).toMatchObject([{ points: 1_050 }]);
      expect((await ivory.wallet.wallet({ path })).available).toBe(1_050);

      const { prefers, version } = await operator.drawOrder.read();
      const set = await operator.drawOrder.set({ body: { prefers: ['own'] } });
      expect(set).toEqual({ version: version + 1, prefers: ['own'] });
      await operator.drawOrder.set({ body: { prefers: prefers as 'own'[] } });
      expect((await operator.declinedRewards.list()).data).toEqual([]);
    });

    it('ends a brand, and writes off what a member owes it', async () => {
      const { sandbox } = network();
      const kelp = (await newBrand(client, sandbox, aBrand('kelp'), aContract())).hezong;
      await operator.earningRules.add({ body: anEarningRule('kelp') as EarningRuleDto });
      const phone = somePhone();
      const [memberRef, atJade] = [await join(kelp, 'kelp-1', phone), await join(jade, 'jade-kelp', phone)];
      const bought = anOrder('ER-K', memberRef, 'kelp-1', 20_000, { occurredAt: at('10') });
      await kelp.orders.accept({ body: bought as unknown as OrderDto });
      const spend = { externalId: 'ER-KA', memberRef: atJade, storeRef: 'jade-1', points: 200 };
      const { id } = await jade.authorizations.authorize({ body: spend });
      await jade.authorizations.capture({ path: { id }, body: { externalId: 'ER-KC' } });
      const back = { externalId: 'ER-KR', occurredAt: at('10'), lines: [{ lineId: '1', quantity: 2, net: 20_000 }] };
      await kelp.orders.acceptReturn({ path: { externalId: 'ER-K' }, body: back });
      expect((await operator.wallet.lots({ path: { memberRef } })).debts).toMatchObject([
        { issuer: 'kelp', remaining: 200 },
      ]);
      for (const status of ['exiting', 'closed'] as const)
        await operator.brands.setStatus({ path: { slug: 'kelp' }, body: { status } });
      const body = { externalId: 'ER-W', brand: 'kelp', reason: 'left' };
      expect(await byTwo(second, () => operator.debtWriteOffs.writeOff({ body }))).toEqual({ points: 200, wallets: 1 });
    });

    it('publishes and promotes an offer, and flags orders whose promoter is the buyer', async () => {
      await byTwo(second, () =>
        operator.programmes.add({ body: { contributorBp: 0, conversionPrice: '1.00', validFrom: at('10') } }),
      );
      expect((await operator.programmes.list()).data.at(-1)).toMatchObject({ conversionPrice: '1.00' });
      const offer = await ivory.offers.publish({
        body: {
          name: 'August',
          poolBp: 1_000,
          split: { distributor: 600, contributor: 300, operator: 100 },
          targets: ['ivory.example'],
          returnDays: 0,
          validFrom: at('10'),
        },
      });
      offerId = offer.id;
      const path = { id: offerId };
      expect((await jade.offers.list({ query: { limit: 200 } })).data.map(({ id }) => id)).toContain(offerId);
      expect(await jade.offers.one({ path })).toMatchObject({ brand: 'ivory', poolBp: 1_000 });
      await jade.offers.pick({ path, body: { campaign: 'august' } });
      const rows = [promoter.jade, leaver].map((memberRef) => ({ kind: 'member', memberRef }) as const);
      const imported = await jade.distributors.import({ body: { rows } });
      expect(imported.rows.map(({ status }) => status)).toEqual([201, 201]);
      expect((await jade.distributors.list()).data.map(({ ref }) => ref)).toEqual([promoter.jade, leaver]);
      const codes: string[] = [];
      for (const owner of rows) {
        const target = 'https://ivory.example/august';
        const link = await jade.links.make({ body: { offerId, campaign: 'august', owner, target } });
        codes.push(link.code);
        expect(await jade.links.one({ path: { id: link.id } })).toEqual(link);
        expect(await jade.links.qr({ path: { id: link.id }, parseAs: 'text' })).toMatch(/^<svg/);
      }
      expect((await jade.links.list()).data.map(({ code }) => code)).toEqual(codes);
      const [code = '', other = ''] = codes;
      const followed = await fetch(`${network().gateway}/l/${code}`, { redirect: 'manual' });
      expect([followed.status, followed.headers.get('location')]).toEqual([
        302,
        expect.stringMatching(/^https:\/\/ivory\.example\/august\?hz_click=/),
      ]);
      const touch = { code, kind: 'code', memberRef: buyer.ivory, at: at('10') } as const;
      expect(await ivory.touches.record({ body: touch })).toMatchObject({ kind: 'code' });

      // the seller's own promoter: it is told at once what is earned on its own orders
      await ivory.offers.pick({ path, body: { campaign: 'own' } });
      const owner = { kind: 'member', memberRef: promoter.ivory } as const;
      const own = await ivory.links.make({
        body: { offerId, campaign: 'own', owner, target: 'https://ivory.example/' },
      });
      await order('ER-7', buyer.ivory, 100_000, { referral: { code: own.code } });
      await order('ER-3', buyer.ivory, 100_000, { referral: { code } });
      await order('ER-4', buyer.ivory, 100_000, { referral: { code: other } });
      for (const externalId of ['ER-5', 'ER-6'])
        await order(externalId, promoter.ivory, 100_000, { referral: { code } });
      const held = await until(
        () => operator.holds.list(),
        ({ data }) => data.length === 2,
      );
      expect(held.data.map(({ reason }) => reason)).toEqual(['self_referral', 'self_referral']);
      const [first, last] = held.data.map(({ id }) => ({ id }));
      const body = { reason: 'looked at' };
      expect((await operator.holds.release({ path: first ?? { id: '' }, body })).state).toBe('held');
      expect((await operator.holds.cancel({ path: last ?? { id: '' }, body })).state).toBe('cancelled');
      expect((await operator.holds.list()).data).toEqual([]);
      expect((await ivory.offers.withdraw({ path })).withdrawnAt).not.toBeNull();
    });

    it('converts earnings, draws a payout, draws it again after a member left, and pays it', async () => {
      await clock(at('12'));
      const days = await until(
        () => jade.commissions.days({ query: { from: `${CYCLE}-10`, to: `${CYCLE}-10` } }),
        ({ data }) => data.some(({ final }) => final),
      );
      // 30.00 of each order but the cancelled one
      expect(days.data).toMatchObject([{ seller: 'ivory', amount: 12_000, final: true }]);
      const body = { externalId: 'ER-CV', memberRef: promoter.ivory, amount: 1_000, currency: 'CNY' };
      expect(await ivory.earnings.convert({ body })).toMatchObject({ points: 1_000 });

      const draft = await operator.payouts.draw({ body: { currency: 'CNY' } });
      expect(draft).toMatchObject({ state: 'draft', net: draft.items.reduce((sum, { net }) => sum + net, 0) });
      expect((await operator.payouts.cancel({ path: { id: draft.id } })).state).toBe('cancelled');
      await jade.members.end({ path: { memberRef: leaver } });
      const { data } = await until(
        () => operator.erasedPayees.list({ query: { currency: 'CNY' } }),
        ({ data }) => data.some(({ owed }) => owed === 6_000),
      );
      const beneficiary = data.find(({ owed }) => owed === 6_000)?.beneficiary ?? '';
      const release = { beneficiary, currency: 'CNY', decision: 'release', reason: 'claimed by the heirs' } as const;
      expect(await byTwo(second, () => operator.erasedPayees.decide({ body: release }))).toMatchObject({
        amount: 6_000,
      });

      const again = await operator.payouts.draw({ body: { currency: 'CNY' } });
      const path = { id: again.id };
      expect(await operator.payouts.one({ path })).toEqual(again);
      expect(again.net).toBe(draft.net);
      expect(again.items).toContainEqual(expect.objectContaining({ beneficiary, net: 6_000 }));
      expect((await byTwo(second, () => operator.payouts.release({ path }))).state).toBe('released');
      const file = await operator.payouts.file({ path, parseAs: 'text' });
      expect(file.trim().split('\n')).toHaveLength(again.items.length + 2);
      expect((await operator.payouts.confirm({ path })).state).toBe('paid');

      const shared = await ivory.disclosure.ofOffer({ path: { offerId } });
      expect(shared).toMatchObject({ offerId, distributors: 2, total: 24_000 });
      expect(Number((await operator.disclosure.ofAlliance()).total)).toBeGreaterThanOrEqual(24_000);
    });

    it('cuts off a month, writes its file, and opens or refuses single legs', async () => {
      const path = { cycle: CYCLE };
      const spend = { externalId: 'ER-A', memberRef: buyer.jade, storeRef: 'jade-1', points: 400 };
      const { id } = await jade.authorizations.authorize({ body: spend });
      await jade.authorizations.capture({ path: { id }, body: { externalId: 'ER-C' } });
      await clock(at('13'));
      await operator.operatorCycles.cutOff({ path });
      await operator.operatorCycles.freeze({ path });
      await until(
        () => operator.operatorCycles.result({ path }),
        ({ status }) => status === 'frozen',
      );
      expect((await operator.operatorCycles.list()).data.find(({ id }) => id === CYCLE)?.status).toBe('frozen');
      expect((await ivory.cycles.list()).data.map(({ id }) => id)).toContain(CYCLE);
      const own = await ivory.statements.statement({ path });
      expect(await operator.operatorStatements.statement({ path: { ...path, brand: 'ivory' } })).toEqual(own);
      const { hash } = own;
      const file = await ivory.statements.file({ path, parseAs: 'text' });
      expect(file).toContain('"ivory"');
      expect(hash).toMatch(/^sha256:/);
      const { data } = await operator.operatorStatements.lines({
        path: { ...path, brand: 'ivory' },
        query: { limit: 200 },
      });
      expect(data.some(({ type, redeemer }) => type === 'redemption' && redeemer === 'jade')).toBe(true);

      const lines = (await ivory.statements.lines({ path, query: { limit: 200 } })).data;
      const total = (type: string): string =>
        lines.find((one) => one.type === type && one.redeemer === 'jade')?.id ?? '';
      const ask = (line: string) => ivory.openings.ask({ path, body: { line, leg: 1, reason: 'one too many' } });
      const [opened, refused] = [await ask(total('redemption')), await ask(total('fee'))];
      const consent = {
        purpose: 'share_order_lines',
        granted: true,
        policyVersion: '1',
        channel: 'app',
        at: at('13'),
      } as const;
      await jade.consents.add({ path: { memberRef: buyer.jade }, body: consent });
      expect((await jade.consents.list({ path: { memberRef: buyer.jade } })).data.at(-1)).toMatchObject({
        purpose: 'share_order_lines',
      });
      const verdict = { reason: 'dispute 7' };
      await operator.operatorOpenings.open({ path: { ...path, id: opened.id }, body: verdict });
      await operator.operatorOpenings.refuse({ path: { ...path, id: refused.id }, body: verdict });
      expect(await ivory.openings.one({ path: { ...path, id: opened.id } })).toMatchObject({
        opened: { points: '400' },
      });
      expect((await ivory.openings.list({ path })).data.map(({ status }) => status).sort()).toEqual([
        'opened',
        'refused',
      ]);
      const { data: all } = await operator.operatorOpenings.list({ path });
      expect(all.map(({ counterparty }) => counterparty)).toEqual(['jade', 'jade']);
    });

    it('lists, retries and sets aside what could not be done', async () => {
      // points end, and the wallet's version has no successor
      const memberRef = await join(ivory, 'ivory-unsettled', somePhone());
      const gift = { externalId: 'ER-U', memberRef, points: 5, reason: 'fair' };
      await ivory.grants.give({ body: { ...gift, expiresAt: `${CYCLE}-13T23:59:59+08:00` } });
      const [wallet] = await sql<{ id: string; version: string }>(
        'hezong_ledger',
        `select w.wallet_id as id, wallet_version as version from wallet w join member_link l on l.wallet_id::uuid = w.wallet_id where member_ref = $1`,
        [memberRef],
      );
      const [walletId, version] = [wallet?.id ?? '', wallet?.version];
      const change = 'update wallet set wallet_version = $2 where wallet_id = $1';
      await sql('hezong_ledger', change, [walletId, 2n ** 63n - 1n]);
      await clock(at('14'));
      const { wallets } = await until(
        () => operator.unsettledWallets.list(),
        (found) => found.wallets.length > 0,
      );
      expect(wallets).toMatchObject([{ walletId, fault: expect.stringMatching(/^22003 /) }]);
      await sql('hezong_ledger', change, [walletId, version]);
      expect(await operator.unsettledWallets.retry({ path: { walletId } })).toEqual({ wallets: [] });

      // an event that nobody can read
      const [topic, type] = ['hezong.crm.suppressions.v1', 'hezong.crm.v1.SuppressionRecorded'];
      const send = 'insert into outbox (id, topic, key, type, schema, body) values ($1, $2, $1, $3, $3, $4)';
      await sql('hezong_crm', send, ['every-route', topic, type, Buffer.from([0xff])]);
      const ours = ({ data }: { data: readonly ParkedEvent[] }) =>
        data.find(({ eventId }) => eventId === 'every-route');
      const parked = (status: ParkedEvent['status']) =>
        until(
          () => operator.parked.list(),
          (found) => ours(found)?.status === status,
        );
      const { id = '', consumer } = ours(await parked('waiting')) ?? {};
      expect(consumer).toBe('crm.suppressions');
      const path = { service: 'crm', id };
      await operator.parked.retry({ path });
      await parked('waiting');
      const aside = await byTwo(second, () => operator.parked.setAside({ path, body: { reason: 'unreadable' } }));
      expect(ours(aside)).toMatchObject({ id, status: 'set_aside', setAside: { reason: 'unreadable' } });
      expect(await operator.invariants.lag()).toMatchObject({ settled: true });
      await settled();
    });

    it('leaves no operation without a successful call', async () => {
      expect(await answers().unanswered()).toEqual(IMPOSSIBLE);
    });
  });
}
