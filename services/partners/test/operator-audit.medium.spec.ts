import { createHash } from 'node:crypto';
import pg from 'pg';
import { partnersUnderTest } from './partners-under-test.js';
import type { PartnersUnderTest } from './partners-under-test.js';

interface Entry {
  seq: number;
  client: string;
  method: string;
  route: string;
  path: string;
  payloadHash: string;
  status: number | null;
  hash: string;
  previousHash: string | null;
}

let under: PartnersUnderTest;

beforeAll(async () => {
  under = await partnersUnderTest();
}, 120_000);

afterAll(() => under.close());

const internal = async (path: string): Promise<unknown> => {
  const token = await under.tokens.internal('gateway', 'partners');
  const response = await fetch(`${under.service.url}/internal/v1/${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  return response.json();
};

const record = async (query: string): Promise<Entry[]> =>
  ((await internal(`audit?${query}`)) as { data: Entry[] }).data;

async function as<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const brand = (slug: string) => ({
  slug,
  name: 'Aurora Coffee',
  legalEntity: { id: 'le-aurora', name: 'Aurora Ltd' },
  currency: 'CNY',
  stores: [],
});

describe('acts of the operator', () => {
  it('are recorded with their end, whether accepted, refused or read-only', async () => {
    const body = brand('aurora');
    await under.asOperator('POST', '/v1/operator/brands', body);
    await under.asOperator('POST', '/v1/operator/brands/aurora/status', { status: 'closed', colour: 'red' });
    await under.asOperator('GET', '/v1/operator/brands/aurora?');
    await under.asOperator('GET', '/v1/operator/brands/nobody');
    const entries = (await record('limit=10')).reverse();
    expect(entries.map(({ method, route, path, status }) => [method, route, path, status])).toEqual([
      ['POST', '/v1/operator/brands', '/v1/operator/brands', 201],
      ['POST', '/v1/operator/brands/:slug/status', '/v1/operator/brands/aurora/status', 422],
      ['GET', '/v1/operator/brands/:slug', '/v1/operator/brands/aurora', 200],
      ['GET', '/v1/operator/brands/:slug', '/v1/operator/brands/nobody', 404],
    ]);
    // keys in alphabetical order, no spaces
    const sent =
      '{"body":{"currency":"CNY","legalEntity":{"id":"le-aurora","name":"Aurora Ltd"},"name":"Aurora Coffee","slug":"aurora","stores":[]},"query":{}}';
    expect(entries[0]?.payloadHash).toBe(`sha256:${createHash('sha256').update(sent).digest('hex')}`);
    expect(new Set(entries.map(({ client }) => client)).size).toBe(1);
    expect(entries.map(({ seq }) => seq)).toEqual([1, 3, 5, 7]);
  });

  it('are found by who, what, where and when, and pages continue where the last one ended', async () => {
    const [newest] = await record('limit=1');
    const client = newest?.client ?? '';
    expect(await record(`limit=10&client=${client}&method=POST`)).toHaveLength(2);
    expect(await record('limit=10&client=somebody')).toEqual([]);
    expect((await record('limit=10&path=/v1/operator/brands/nob')).map(({ status }) => status)).toEqual([404]);
    expect(await record('limit=10&from=2999-01-01T00:00:00Z')).toEqual([]);
    expect(await record('limit=10&to=2020-01-01T00:00:00Z')).toEqual([]);
    const { at, seq } = newest as Entry & { at: string };
    const rest = await record(`limit=10&afterAt=${at}&afterService=partners&afterSeq=${seq}`);
    expect(rest.map((entry) => entry.seq)).toEqual([5, 3, 1]);
    // ledger sorts before this service at the same instant
    expect((await record(`limit=1&afterAt=${at}&afterService=ledger&afterSeq=1`))[0]?.seq).toBe(seq);
    expect((await record(`limit=1&afterAt=${at}&afterService=settlement&afterSeq=1`))[0]?.seq).toBe(5);
  });

  it('cannot be changed by the service or by the owner of its tables', async () => {
    const acts = [
      'update operator_audit set status = 200 where status is not null',
      'delete from operator_audit',
      'truncate operator_audit',
      'alter table operator_audit disable trigger all',
    ];
    const appUrl = under.env['DATABASE_URL'] ?? '';
    for (const act of acts) {
      await expect(as(appUrl, (client) => client.query(act))).rejects.toMatchObject({ code: '42501' });
    }
    for (const act of acts.slice(0, 3)) {
      await expect(as(under.database.ownerUrl, (client) => client.query(act))).rejects.toMatchObject({ code: '23001' });
    }
    // a writer cannot choose a number, a time or a hash
    const [row] = await as(appUrl, async (client) => {
      const chosen = await client.query<{ seq: string; at: Date; hash: string }>(
        `insert into operator_audit (seq, at, hash, client, method, route, path, payload_hash, request_id)
         values (1, '2020-01-01', 'x', 'c', 'GET', '/', '/', 'sha256:' || repeat('0', 64), 'r') returning seq, at, hash`,
      );
      return chosen.rows;
    });
    expect(Number(row?.seq)).toBe(9);
    expect(row?.at.getTime()).toBeGreaterThan(Date.parse('2026-01-01T00:00:00Z'));
    expect(row?.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('are recorded before anything is done: without a record nothing is done', async () => {
    await as(under.database.ownerUrl, (client) => client.query('revoke insert on operator_audit from hezong_partners'));
    const refused = await under.asOperator('POST', '/v1/operator/brands', brand('birch'));
    expect(refused.status).toBeGreaterThanOrEqual(500);
    await as(under.database.ownerUrl, (client) => client.query('grant insert on operator_audit to hezong_partners'));
    expect((await under.asOperator('GET', '/v1/operator/brands/birch')).status).toBe(404);
  });

  it('are in order under parallel writes, and a changed, removed or inserted row is detected', async () => {
    await Promise.all(Array.from({ length: 20 }, () => under.asOperator('GET', '/v1/operator/brands/aurora')));
    const broken = async (): Promise<unknown> => {
      const { checks } = (await internal('invariants')) as {
        checks: { name: string; ok: boolean; measured: string }[];
      };
      const check = checks.find(({ name }) => name === 'partners: audit rows that do not follow');
      return [check?.ok, check?.measured];
    };
    expect(await broken()).toEqual([true, '0']);
    const forge = (sql: string): Promise<unknown> =>
      as(under.database.ownerUrl, (client) =>
        client.query(
          `alter table operator_audit disable trigger user; ${sql}; alter table operator_audit enable trigger user`,
        ),
      );
    await forge(`update operator_audit set client = 'cl_other' where seq = 3`);
    expect(await broken()).toEqual([false, '1']);
    await forge(`update operator_audit set hash = operator_audit_hash(operator_audit) where seq = 3`);
    expect(await broken()).toEqual([false, '1']);
    await forge('delete from operator_audit where seq = 4');
    expect((await broken()) as unknown[]).toEqual([false, expect.not.stringMatching(/^0$/)]);
  });
});
