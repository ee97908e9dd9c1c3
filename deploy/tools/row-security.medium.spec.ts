import { createClient } from '#libs/postgres';
import { testDatabase } from '#libs/testing';
import { DEFINITIONS } from '../local/network/definitions.js';

/** Names of columns that identify the owner of a row. */
const OWNERS = [
  'brand',
  'brands',
  'slug',
  'seller',
  'contributor',
  'issuer',
  'redeemer',
  'reader',
  'member_ref',
  'owner',
];

/** Tables with such a column and without row security on it, with the reason. */
const SHOWN: Readonly<Record<string, string>> = {
  brand_directory: 'what every service must know of every brand; no customer is in it',
  brand_directory_part: 'the same, until all parts of a brand are there',
  'ledger.brand_account': 'names of accounts, without balances',
  'ledger.contract_terms': 'what many brands’ lots are stamped with',
  'ledger.lot':
    'a wallet is spent from the lots of all issuers; read by the posting functions and, masked, by the operator',
  'membership.tier_grant': 'ranks that the operator gives',
  'referrals.binding': 'a wallet has one contributor, whoever asks',
  'referrals.earning_draw': 'taken of what an owner earned at all brands',
  'referrals.payout_item': 'what an owner earned at all brands, paid out by the operator',
  'referrals.erased_payee_decision':
    'what two people decided about what an erased person earned; only the operator reads it',
};

const BARE = `
  select n.nspname as schema, c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
     and not (c.relrowsecurity and c.relforcerowsecurity and exists (select from pg_policy p where p.polrelid = c.oid))
     and exists (select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped and a.attname = any ($1))
   order by 1, 2`;

async function bareTables(service: string): Promise<string[]> {
  const database = await testDatabase(service);
  const client = createClient(database.adminUrl, 'row-security');
  await client.connect();
  try {
    const { rows } = await client.query<{ schema: string; name: string }>(BARE, [OWNERS]);
    return rows
      .filter(({ name }) => !(name in SHOWN))
      .map(({ schema, name }) => (schema === 'public' ? `${service}.${name}` : `${service}.${schema}.${name}`));
  } finally {
    await client.end();
    await database.drop();
  }
}

it('every table whose rows have an owner hides them from others', async () => {
  const bare: string[] = [];
  for (const { name, migrations } of DEFINITIONS) if (migrations !== undefined) bare.push(...(await bareTables(name)));
  expect(bare.sort()).toEqual(
    Object.keys(SHOWN)
      .filter((table) => table.includes('.'))
      .sort(),
  );
});
