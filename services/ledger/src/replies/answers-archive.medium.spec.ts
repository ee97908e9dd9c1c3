import { createClient, Retention } from '#libs/postgres';

import type { Answer } from '#libs/testing';
import { ledgerUnderTest } from '../../test/ledger-under-test.js';
import type { LedgerUnderTest } from '../../test/ledger-under-test.js';
import { AnswersArchiveService } from './answers-archive.service.js';

describe('old answers', () => {
  let ledger: LedgerUnderTest;
  let memberRef: string;
  beforeAll(async () => {
    ledger = await ledgerUnderTest('2026-03-02T08:00:00+08:00');
    await ledger.brand('aurora');
    await ledger.brand('crest');
    const member = ledger.member('aurora');
    memberRef = ledger.member('crest', member.walletId).memberRef;
    const grant = { externalId: 'g', memberRef: member.memberRef, points: 100, reason: 'goodwill' };
    expect((await ledger.asBrand('aurora', 'POST', '/v1/grants', grant)).status).toBe(201);
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

  it('are archived after 90 days, and a repeat gets the same bytes', async () => {
    const archive = ledger.service.app.get(AnswersArchiveService, { strict: false });
    const hold = { externalId: 'a', memberRef, points: 60, ttlSeconds: 900 };
    const { body } = await ledger.asBrand('crest', 'POST', '/v1/authorizations', hold);
    const capture = (externalId: string, points: number): Promise<Answer> =>
      ledger.asBrand('crest', 'POST', `/v1/authorizations/${body.id}/captures`, { externalId, points, final: false });
    const tooMany = { ...hold, externalId: 'b', points: 500 };
    const first = [
      await capture('c1', 20),
      await capture('c2', 900),
      await ledger.asBrand('crest', 'POST', '/v1/authorizations', tooMany),
    ];
    expect(first.map(({ status }) => status)).toEqual([201, 422, 422]);
    await ledger.at('2026-04-20T08:00:00+08:00');
    const young = await ledger.asBrand('crest', 'POST', `/v1/authorizations/${body.id}/returns`, {
      externalId: 'r',
      points: 5,
    });
    expect(young.status).toBe(201);

    // neither a row exactly 90 days old nor a younger one is archived
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
      await ledger.asBrand('crest', 'POST', '/v1/authorizations', tooMany),
    ];
    expect(again.map(({ status, text }) => [status, text])).toEqual(first.map(({ status, text }) => [status, text]));
    expect(again.map(({ headers }) => headers.get('idempotency-replayed'))).toEqual(['true', 'true', 'true']);
    expect((await capture('c1', 21)).body.code).toBe('idempotency_conflict');
    const { body: books } = await ledger.asService('GET', '/internal/v1/invariants');
    expect((books.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });

  it('are removed together with used quotes and traces, however many, in one run', async () => {
    const owner = createClient(ledger.database.adminUrl, 'archive-test');
    await owner.connect();
    try {
      const old = 3_000;
      await owner.query('begin');
      await owner.query('set local session_replication_role = replica');
      await owner.query(
        `insert into quote (cell, id, wallet_id, brand, member_ref, currency, basket_total, points, value, reimbursement_price_micro,
           created_at, expires_at, recorded_at)
         select ledger_cell(w), w, w, 'crest', 'm', 'CNY', 9, 1, 1, 1, 'epoch', 'now', now() - n * interval '1 day'
         from (select gen_random_uuid() as w, case when n = 0 then 29 else 31 end as n from generate_series(0, ${old}) n) x`,
      );
      await owner.query(
        `insert into event_trace (cell, event_id, traceparent, recorded_at)
         select ledger_cell(w), w, '00-' || repeat('a', 32) || '-' || repeat('b', 16) || '-01', now() - n * interval '1 day'
         from (select gen_random_uuid() as w, case when n = 0 then 6 else 8 end as n from generate_series(0, ${old}) n) x`,
      );
      await owner.query(
        `insert into operation (cell, kind, id, wallet_id, posted_at, balance, held, pending, debt, request_hash, brand, external_id, result)
         select ledger_cell(w), 'grant', w, w, '2026-01-01', 0, 0, 0, 0, '\\x00', 'crest', w::text, '{}'
         from (select gen_random_uuid() as w from generate_series(1, ${old})) x`,
      );
      await owner.query('commit');
      const left = async (): Promise<unknown> =>
        (
          await owner.query(
            `select (select count(*)::integer from quote) as quotes, (select count(*)::integer from event_trace) as traces,
               (select count(*)::integer from operation where posted_at = '2026-01-01') as answers`,
          )
        ).rows[0];
      await ledger.service.app.get(Retention, { strict: false }).job.run();
      expect(await left()).toEqual({ quotes: 1, traces: 1, answers: 0 });
    } finally {
      await owner.end();
    }
  });

  /** Days for which a row is kept, and one row of a given age: `$1` is its name, `$2` when it was written. */
  const KEPT: [table: string, name: string, days: number, row: string][] = [
    [
      'outbox',
      'id',
      1,
      // at a position before the relay's
      `insert into outbox (tx_id, seq, id, topic, key, type, schema, created_at) overriding system value
       values ('0', -length($1), $1, 't', 'k', 't', 's', $2)`,
    ],
    ['inbox', 'event_id', 60, `insert into inbox (consumer_group, event_id, received_at) values ('g', $1, $2)`],
    [
      'idempotency',
      'key',
      90,
      `insert into idempotency (brand, kind, scope, key, request_hash, status, body, created_at)
       values ('aurora', 'transport', 's', $1, decode(repeat('00', 16), 'hex'), 200, '{}', $2)`,
    ],
  ];

  it.each(KEPT)('a row of %s is removed when its time is over, and not before', async (table, name, days, row) => {
    const owner = createClient(ledger.database.adminUrl, 'rows');
    await owner.connect();
    try {
      await owner.query(`select set_config('hezong.brand', '*', false)`);
      const ago = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();
      await owner.query(row, ['old', ago(days * 24 + 1)]);
      await owner.query(row, ['young', ago(days * 24 - 1)]);
      await ledger.service.app.get(Retention, { strict: false }).job.run();
      const { rows } = await owner.query(`select ${name} as name from ${table} where ${name} in ('old', 'young')`);
      expect(rows).toEqual([{ name: 'young' }]);
    } finally {
      await owner.end();
    }
  });
});
