import { ledgerUnderTest } from '../../test/ledger-under-test.js';
import type { Answer, LedgerUnderTest } from '../../test/ledger-under-test.js';
import { AnswersArchive } from './answers-archive.service.js';

describe('answers that are old', () => {
  let ledger: LedgerUnderTest;
  let memberRef: string;
  beforeAll(async () => {
    ledger = await ledgerUnderTest('2026-03-02T08:00:00+08:00');
    await ledger.brand('aurora');
    await ledger.brand('crest');
    const member = ledger.member('aurora');
    memberRef = ledger.member('crest', member.walletId).memberRef;
    const grant = { externalId: 'g', memberRef: member.memberRef, points: 100, reason: 'goodwill' };
    expect((await ledger.call('aurora', 'POST', '/v1/grants', grant)).status).toBe(201);
  }, 60_000);
  afterAll(() => ledger.close());

  const counts = async (): Promise<[operation: number, archive: number]> => {
    const [row] = await ledger.dataSource.transaction(async (tx): Promise<{ operation: number; archive: number }[]> => {
      await tx.query(`select set_config('hezong.brand', '*', true)`);
      return tx.query(`select (select count(*)::int from operation) as operation,
        (select count(*)::int from operation_archive) as archive`);
    });
    return [row?.operation ?? -1, row?.archive ?? -1];
  };

  it('go to the archive after 90 days, and a repeat hears the same bytes', async () => {
    const archive = ledger.service.app.get(AnswersArchive, { strict: false });
    const hold = { externalId: 'a', memberRef, points: 60, ttlSeconds: 900 };
    const { body } = await ledger.call('crest', 'POST', '/v1/authorizations', hold);
    const capture = (externalId: string, points: number): Promise<Answer> =>
      ledger.call('crest', 'POST', `/v1/authorizations/${body.id}/captures`, { externalId, points, final: false });
    const tooMany = { ...hold, externalId: 'b', points: 500 };
    const first = [
      await capture('c1', 20),
      await capture('c2', 900),
      await ledger.call('crest', 'POST', '/v1/authorizations', tooMany),
    ];
    expect(first.map(({ status }) => status)).toEqual([201, 422, 422]);
    await ledger.at('2026-04-20T08:00:00+08:00');
    const young = await ledger.call('crest', 'POST', `/v1/authorizations/${body.id}/returns`, {
      externalId: 'r',
      points: 5,
    });
    expect(young.status).toBe(201);

    // neither on the last of the 90 days nor a younger one
    await ledger.at('2026-05-31T08:00:00+08:00');
    expect(await archive.move()).toBe(0);
    expect(await counts()).toEqual([5, 0]);
    await ledger.at('2026-05-31T08:00:01+08:00');
    expect(await archive.move()).toBe(4);
    expect(await archive.move()).toBe(0);
    expect(await counts()).toEqual([1, 4]);

    const again = [
      await capture('c1', 20),
      await capture('c2', 900),
      await ledger.call('crest', 'POST', '/v1/authorizations', tooMany),
    ];
    expect(again.map(({ status, text }) => [status, text])).toEqual(first.map(({ status, text }) => [status, text]));
    expect(again.map(({ headers }) => headers.get('idempotency-replayed'))).toEqual(['true', 'true', 'true']);
    expect((await capture('c1', 21)).body.code).toBe('idempotency_conflict');
    const { body: books } = await ledger.internal('GET', '/internal/v1/invariants');
    expect((books.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });
});
