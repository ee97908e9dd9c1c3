import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { aBrand, aContract, aMember, anEarningRule, anOrder, expectInvariants } from '#libs/testing';
import type { EarningRuleDto } from '#libs/sdk';
import { Client, newBrand } from './client.js';
import type { LocalNetwork } from './local-network.js';

/** Forms of a text in a column, in lower case: plain, as hex bytes, and as base64 at any offset in a longer text. */
function spellings(text: string): string[] {
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.from('x'.repeat(shift) + text).toString('base64');
    // the characters that depend only on this text
    return encoded.slice(Math.ceil((shift * 4) / 3), Math.floor(((shift + text.length) * 4) / 3));
  });
  return [text, Buffer.from(text).toString('hex'), ...base64].map((spelling) => spelling.toLowerCase());
}

async function read<T extends pg.QueryResultRow>(url: string, work: (client: pg.Client) => Promise<T[]>): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Every table of every database with a row that contains one of the texts, in any column, and every such log. */
async function traces(network: LocalNetwork, texts: readonly string[]): Promise<string[]> {
  const patterns = texts.flatMap(spellings).map((spelling) => `%${spelling}%`);
  const databases = await read<{ name: string }>(network.adminUrl('postgres'), async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select datname as name from pg_database where datname like 'hezong%' order by 1`,
    );
    return rows;
  });
  const found: string[] = [];
  for (const { name } of databases) {
    await read(network.adminUrl(name), async (client) => {
      const { rows } = await client.query<{ table: string }>(
        `select format('%I.%I', n.nspname, c.relname) as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'm') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema' order by 1`,
      );
      for (const { table } of rows) {
        const { rows: hits } = await client.query<{ hit: boolean }>(
          `select exists (select from only ${table} t where lower(t::text) like any ($1::text[])) as hit`,
          [patterns],
        );
        if (hits[0]?.hit === true) found.push(`${name} ${table}`);
      }
      return [];
    });
  }
  return [...found, ...filesWith(network.dataDir, texts)];
}

/** Process logs and Kafka's segments, which both end in `.log`, that contain one of the texts. */
function filesWith(directory: string, texts: readonly string[]): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('postgres') && name.endsWith('.log'))
    .filter((name) => {
      const bytes = readFileSync(join(directory, name)).toString('latin1').toLowerCase();
      return texts.some((text) => bytes.includes(text.toLowerCase()));
    });
}

/** Traces left of a member whom a brand has erased: none of the brand's id or of the contact points, anywhere. */
export function erasureTraces(network: () => LocalNetwork): void {
  it('leaves no trace of an erased member’s externalId, contact points or attributes in any table or in the event log', async () => {
    const { sandbox } = network();
    const operator = new Client(sandbox, sandbox.operator);
    const brand = await newBrand(operator, sandbox, aBrand('nest'), aContract());
    const other = await newBrand(operator, sandbox, aBrand('hedge'), aContract());
    await operator.hezong.earningRules.add({ body: anEarningRule('nest') as EarningRuleDto });
    const id = 'nightjar-7731';
    const contacts = { phone: '+86 139 7731 7731', email: 'Nightjar@example.cn' };
    const said = [id, 'nightjar', '13977317731'];
    const member = aMember(id, { ...contacts, attributes: { note: 'a nightjar sings' } });
    const key = { 'idempotency-key': 'trace-1' };

    const { memberRef } = (await brand.call('POST', '/v1/members', member, key)).body as { memberRef: string };
    const path = `/v1/members/${memberRef}`;
    const kept = await other.ok('POST', '/v1/members', aMember('hedge-1', contacts));
    const refused = await brand.call('POST', '/v1/members', aMember('nest-2', contacts), {
      'idempotency-key': 'trace-2',
    });
    expect(refused.body).toMatchObject({ code: 'member_exists', externalId: id });
    await brand.call(
      'PATCH',
      path,
      { attributes: { second: 'nightjar nests' } },
      { 'if-match': '*', 'idempotency-key': 'trace-3' },
    );
    expect((await brand.ok('GET', `/v1/members?externalId=${id}`)).data).toHaveLength(1);
    await brand.ok(
      'POST',
      '/v1/orders',
      anOrder('nest-o1', memberRef, 'nest-1', 50_000, { occurredAt: '2026-04-20T11:00:00+08:00' }),
    );
    const spent = { externalId: 'nest-a1', memberRef, storeRef: 'nest-1', points: 100, ttlSeconds: 900 };
    const { id: hold } = await brand.ok('POST', '/v1/authorizations', spent);
    await brand.ok('POST', `/v1/authorizations/${hold}/captures`, { externalId: 'nest-a1', points: 100 });
    await brand.ok('POST', '/v1/distributors', { kind: 'member', memberRef });
    await brand.ok('GET', `${path}/tier`);
    await expectInvariants(sandbox.gateway, await operator.bearer());
    // the search does find existing values, in bytes too; the vault shows no contact point even now
    expect(await traces(network(), said.slice(0, 1))).toEqual([
      'hezong_crm public.idempotency',
      'hezong_crm public.member_link',
    ]);
    expect(await traces(network(), said.slice(2))).toEqual([]);
    const named = await traces(network(), [memberRef]);
    expect(named).toEqual(expect.arrayContaining(['hezong_crm public.outbox', 'hezong_ledger public.member_link']));
    expect(named.filter((place) => /^(hezong_log|kafka)\b/.test(place))).not.toEqual([]);

    expect((await brand.call('DELETE', path)).status).toBe(204);
    for (const headers of [key, {}]) {
      expect((await brand.call('POST', '/v1/members', member, headers)).body).toMatchObject({ code: 'member_erased' });
    }
    await expectInvariants(sandbox.gateway, await operator.bearer());
    expect(await traces(network(), said)).toEqual([]);
    // the other brand's member is unchanged
    expect((await other.call('GET', `/v1/members/${kept.memberRef}`)).status).toBe(200);
  }, 120_000);
}
