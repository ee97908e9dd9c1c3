import { free, giveBack, grant, hold, ledgerOfThreeBrands, made, order, person, told } from './entries-under-test.js';
import type { Told } from './entries-under-test.js';

const rig = ledgerOfThreeBrands();

const expired = async (memberRef: string): Promise<[number, string][]> =>
  (await told('aurora', memberRef)).flatMap((e) =>
    e.type === 'expiry' ? [[e.points, e.occurredAt.slice(0, 10)]] : [],
  );

it('points that another brand frees or gives back after they expired are in no entry of the issuer', async () => {
  const [some, none] = [person(), person()];
  for (const { aurora } of [some, none]) await grant(aurora, 450, '2026-04-10T00:00:00Z');
  await rig.ledger.at('2026-04-09T00:00:00Z');
  const [spent, kept] = [await hold('crest', some.crest, 150), await hold('crest', some.crest, 106)];
  const all = await hold('crest', none.crest, 450);
  for (const id of [spent, all]) await made('crest', `/v1/authorizations/${id}/captures`, {});
  await rig.ledger.at('2026-04-11T00:00:00Z');
  expect(await expired(some.aurora)).toEqual([[-194, '2026-04-10']]);
  await free('crest', kept);
  await giveBack('crest', spent, 83);
  await giveBack('crest', all, 83);
  expect(await expired(some.aurora)).toEqual([[-194, '2026-04-10']]);
  expect(await expired(none.aurora)).toEqual([]);
  // its balance is what it was, and the redeemer has its own entry
  const { body } = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${none.aurora}/wallet`);
  expect(body).toMatchObject({ available: 0, balance: 0, held: 0 });
  expect((await told('crest', none.crest)).map(({ type, points }) => [type, points])).toEqual([
    ['redemption_return', 83],
    ['capture', -450],
  ]);
});

it('points whose hold ends after they expired are a separate entry, even if both are found in one read', async () => {
  const [here, there] = [person(), person()];
  for (const { aurora } of [here, there]) await grant(aurora, 300, '2026-04-15T00:00:00Z');
  await rig.ledger.at('2026-04-14T00:00:00Z');
  await hold('crest', there.crest, 106);
  await hold('aurora', here.aurora, 106);
  // this one ends before the points do
  await hold('crest', there.crest, 50, 3_600);
  await rig.ledger.at('2026-04-25T00:00:00Z');
  expect(await expired(there.aurora)).toEqual([[-194, '2026-04-15']]);
  // of its own holds the issuer is told all
  expect(await expired(here.aurora)).toEqual([
    [-106, '2026-04-15'],
    [-194, '2026-04-15'],
  ]);
});

it('points with two expiry dates are two entries, whoever read the wallet in between', async () => {
  const [seen, unseen, held] = [person(), person(), person()];
  for (const { aurora } of [seen, unseen, held]) {
    await grant(aurora, 244, '2026-05-03T00:00:00Z');
    await grant(aurora, 80, '2026-05-05T00:00:00Z');
  }
  await rig.ledger.at('2026-05-01T00:00:00Z');
  const kept = await hold('crest', held.crest, 294);
  await rig.ledger.at('2026-05-04T00:00:00Z');
  await rig.ledger.asBrand('crest', 'GET', `/v1/members/${seen.crest}/wallet`);
  await rig.ledger.at('2026-05-06T20:00:00Z');
  for (const { aurora } of [seen, unseen]) {
    expect(await expired(aurora)).toEqual([
      [-80, '2026-05-05'],
      [-244, '2026-05-03'],
    ]);
  }
  expect(await expired(held.aurora)).toEqual([[-30, '2026-05-05']]);
  await free('crest', kept);
  expect(await expired(held.aurora)).toEqual([[-30, '2026-05-05']]);
});

it('each early end and each order that repays a debt has its own entry with its reference', async () => {
  const { aurora, crest } = person();
  await grant(aurora, 100, '2027-03-25T00:00:00Z', { campaign: 'one' });
  await grant(aurora, 30, '2027-03-25T00:00:00Z', { campaign: 'two' });
  for (const campaign of ['one', 'two']) {
    const end = { externalId: `end-${campaign}`, brand: 'aurora', campaign, reason: 'r' };
    expect((await rig.ledger.asOperator('POST', '/v1/operator/expirations', end)).status).toBe(201);
  }
  const ends = (await told('aurora', aurora)).filter(({ type }) => type === 'expiry');
  expect(ends.map(({ points, reference }) => [points, reference])).toEqual([
    [-30, 'end-two'],
    [-100, 'end-one'],
  ]);

  for (const [id, net] of [
    ['D-1', 100],
    ['D-2', 60],
    ['D-3', 40],
  ] as const) {
    await order('aurora', aurora, id, net);
    await rig.ledger.at(new Date(rig.ledger.clock.now().getTime() + 3_600_000).toISOString());
  }
  const spent = await hold('crest', crest, 200);
  await made('crest', `/v1/authorizations/${spent}/captures`, {});
  await made('aurora', '/v1/orders/D-1/returns', {
    occurredAt: rig.ledger.clock.now().toISOString(),
    lines: [{ lineId: '1', quantity: 1, net: 100 }],
  });
  await giveBack('crest', spent, 40);
  await giveBack('crest', spent, 60);
  const paid = (await told('aurora', aurora)).filter(({ type }) => type === 'debt_repayment');
  expect(paid.map(({ points, reference, order: of }) => [points, reference, of?.externalId])).toEqual([
    [0, 'D-2', 'D-2'],
    [0, 'D-3', 'D-3'],
  ]);
});

it('pages that are read while points expire sum to the balance when the first was read, and no entry changes', async () => {
  const { aurora } = person();
  await grant(aurora, 100, '2027-03-25T00:00:00Z', { campaign: 'paged' });
  const kept = await hold('aurora', aurora, 20);
  const end = { externalId: 'end-paged', brand: 'aurora', campaign: 'paged', reason: 'r' };
  expect((await rig.ledger.asOperator('POST', '/v1/operator/expirations', end)).status).toBe(201);
  const path = `/v1/members/${aurora}/wallet/entries`;
  const before = await told('aurora', aurora);
  const first = (await rig.ledger.asBrand('aurora', 'GET', `${path}?limit=1`)).body;
  await free('aurora', kept);
  const after = encodeURIComponent(first.page.after as string);
  const rest = (await rig.ledger.asBrand('aurora', 'GET', `${path}?after=${after}`)).body;
  const sum = (entries: readonly Told[]): number => entries.reduce((total, { points }) => total + points, 0);
  expect(sum([...(first.data as Told[]), ...(rest.data as Told[])])).toBe(20);
  const now = await told('aurora', aurora, 1);
  expect([sum(now), now.slice(1)]).toEqual([0, before]);
});
