import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { loadConfig } from '#libs/config';
import { INVARIANTS, startService } from '#libs/http';
import type { Invariants, RunningService } from '#libs/http';
import { dataSourceOptions } from '#libs/postgres';
import { contribution, crmUnderTest, newPhone } from '../../test/crm-under-test.js';
import type { CrmUnderTest } from '../../test/crm-under-test.js';
import { rotationConfig } from '../crm.config.js';
import { crm } from '../index.js';
import { VaultService } from '../vault/vault.service.js';
import { rotateVault } from './rotation.service.js';

let rig: CrmUnderTest;
beforeAll(async () => {
  rig = await crmUnderTest();
  for (const slug of ['aurora', 'birch', 'crest', 'dune']) await rig.brand(slug);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const secret = (): string => randomBytes(32).toString('base64');
const walletOf = async (memberRef: string): Promise<string> =>
  (await rig.internal(`/internal/v1/links?refs=${memberRef}`)).body[0].walletId;
const versions = () =>
  rig.sql<{ h_v: number; key_v: number }>('select distinct h_v, key_v from vault.contact_point order by 1, 2');

it('changes pepper and key while the service runs, and loses nobody', async () => {
  const phones = Array.from({ length: 5 }, newPhone);
  const first = [];
  for (const [i, phone] of phones.entries()) {
    first.push(await rig.asBrand('aurora', 'POST', '/v1/members', contribution(`v-${i}`, { phone })));
  }
  const gone = newPhone();
  const left = await rig.asBrand('aurora', 'POST', '/v1/members', contribution('v-left', { phone: gone }));
  await rig.asBrand('aurora', 'DELETE', `/v1/members/${left.body.memberRef}`);
  const [pepper2, key2] = [`2:${secret()}`, `2:${secret()}`];
  const both = {
    ...rig.env,
    VAULT_PEPPERS: `${rig.env['VAULT_PEPPERS']},${pepper2}`,
    VAULT_KEYS: `${rig.env['VAULT_KEYS']},${key2}`,
  };
  const second = await startService(crm, both);
  const beside = { ...rig, service: second };
  const post = async (
    brand: string,
    externalId: string,
    phone: string | undefined,
    service = beside.service.url,
  ): Promise<string> => {
    const response = await send(brand, externalId, phone, service);
    expect(response.status).toBe(201);
    return ((await response.json()) as { memberRef: string }).memberRef;
  };
  const send = async (
    brand: string,
    externalId: string,
    phone: string | undefined,
    service: string,
  ): Promise<Response> =>
    fetch(`${service}/v1/members`, {
      method: 'POST',
      headers: { authorization: await bearer(brand), 'content-type': 'application/json' },
      body: JSON.stringify(contribution(externalId, { phone })),
    });
  const lost = async (service: RunningService): Promise<unknown> => {
    const checks = await service.app.get<Invariants>(INVARIANTS, { strict: false }).check();
    return checks.find(({ name }) => name === 'crm: suppressions whose pepper is missing');
  };
  const bearer = async (brand: string): Promise<string> => `Bearer ${await rig.tokens.brand(brand)}`;
  try {
    // found by the old pepper, written with the new
    const known = await post('birch', 'v-0', phones[0]);
    expect(await walletOf(known)).toBe(await walletOf(first[0]?.body.memberRef));
    await post('birch', 'v-9', newPhone());
    expect(await versions()).toEqual([
      { h_v: 1, key_v: 1 },
      { h_v: 2, key_v: 2 },
    ]);

    const config = loadConfig(rotationConfig, { ...both, ROTATION_DATABASE_URL: rig.database.dutyUrl('rotation') });
    const dataSource = new DataSource(dataSourceOptions(config.rotationUrl, 'rotation-test', 1));
    await dataSource.initialize();
    const vault = VaultService.standalone(config);
    expect(await rotateVault(dataSource, vault)).toBe(5);
    expect(await rotateVault(dataSource, vault)).toBe(0);
    await dataSource.destroy();
    expect(await versions()).toEqual([{ h_v: 2, key_v: 2 }]);
    // erased members have only hashes under the old pepper, which is why it stays
    expect((await send('aurora', 'v-left', newPhone(), second.url)).status).toBe(410);
    expect((await send('aurora', 'v-other', gone, second.url)).status).toBe(410);
    expect(await lost(second)).toMatchObject({ ok: true });
  } finally {
    await second.close();
  }
  // the old secrets were removed too early
  const third: RunningService = await startService(crm, { ...rig.env, VAULT_PEPPERS: pepper2, VAULT_KEYS: key2 });
  try {
    for (const [i, phone] of phones.entries()) {
      const ref = await post('crest', `v-${i}`, phone, third.url);
      expect(await walletOf(ref)).toBe(await walletOf(first[i]?.body.memberRef));
    }
    expect(await lost(third)).toMatchObject({ ok: false, measured: '2' });
  } finally {
    await third.close();
  }
}, 120_000);

it('creates one person while instances that do and do not write with the new pepper run side by side', async () => {
  const peppers = `${rig.env['VAULT_PEPPERS']},7:${secret()}`;
  const old = await startService(crm, { ...rig.env, VAULT_PEPPERS: peppers, VAULT_PEPPER_CURRENT: '1' });
  const young = await startService(crm, { ...rig.env, VAULT_PEPPERS: peppers });
  try {
    for (let i = 0; i < 20; i += 1) {
      const phone = newPhone();
      const refs = await Promise.all(
        [old, young].map(async (service, n) => {
          const response = await fetch(`${service.url}/v1/members`, {
            method: 'POST',
            headers: {
              authorization: `Bearer ${await rig.tokens.brand(n === 0 ? 'aurora' : 'dune')}`,
              'content-type': 'application/json',
            },
            body: JSON.stringify(contribution(`w-${i}`, { phone })),
          });
          return ((await response.json()) as { memberRef: string }).memberRef;
        }),
      );
      const [a, b] = await Promise.all(refs.map(walletOf));
      expect(a).toBe(b);
    }
  } finally {
    await Promise.all([old.close(), young.close()]);
  }
}, 120_000);

describe('sealed values', () => {
  const ROTATION = [
    "select * from vault.contacts_to_rotate(9::smallint, 9::smallint, '00000000-0000-0000-0000-000000000000', 10)",
    "select vault.rotate_contact('00000000-0000-0000-0000-000000000000', 9::smallint, '', 9::smallint, '')",
  ];
  const verdicts = async (url: string, statements: readonly string[]): Promise<string[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const codes: string[] = [];
      for (const statement of statements) {
        codes.push(
          await client.query(statement).then(
            () => 'done',
            (error: unknown) => (error as pg.DatabaseError).code ?? '',
          ),
        );
      }
      return codes;
    } finally {
      await client.end();
    }
  };

  it('can be neither read nor replaced by the running service', async () => {
    const refused = await verdicts(rig.database.databaseUrl, [
      ...ROTATION,
      'select value_enc from vault.contact_point',
    ]);
    expect(refused).toEqual(['42501', '42501', '42501']);
  });

  it('can be read and replaced by the rotation, which can do nothing else', async () => {
    const own = rig.database.dutyUrl('rotation');
    expect(await verdicts(own, ROTATION)).toEqual(['done', 'done']);
    expect(
      await verdicts(own, [
        'select * from vault.contact_point',
        'select * from public.member_link',
        'select * from public.consent_event',
        'select * from vault.audit()',
        "select vault.replaced('mb_1', '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', true)",
      ]),
    ).toEqual(Array(5).fill('42501'));
  });
});
