import { TOPICS } from '#libs/contracts';
import { contribution, crmUnderTest, newPhone } from './crm-under-test.js';
import type { Answer } from '#libs/testing';
import type { CrmUnderTest } from './crm-under-test.js';

let rig: CrmUnderTest;
beforeAll(async () => {
  rig = await crmUnderTest();
  for (const slug of ['aurora', 'birch']) await rig.brand(slug);
}, 120_000);
afterAll(async () => {
  const faults = (await rig.internal('/internal/v1/invariants')).body.checks.filter(
    (check: { ok: boolean }) => !check.ok,
  );
  await rig.close();
  expect(faults).toEqual([]);
}, 60_000);

const joined = (at: string): object => ({
  consents: [{ purpose: 'join_pool', granted: true, policyVersion: '2026-01', channel: 'app', at }],
});
const OLD = '2026-03-01T09:00:00+08:00';

let counter = 0;
const newId = (): string => `customer-${(counter += 1)}`;
const post = (brand: string, id: string, over: Record<string, unknown>, headers = {}): Promise<Answer> =>
  rig.asBrand(brand, 'POST', '/v1/members', contribution(id, over), headers);
const join = async (brand: string, id: string, over: Record<string, unknown>): Promise<string> => {
  const answer = await post(brand, id, over);
  expect(answer.status).toBe(201);
  return answer.body.memberRef as string;
};
const erase = async (brand: string, ref: string): Promise<void> => {
  expect((await rig.asBrand(brand, 'DELETE', `/v1/members/${ref}`)).status).toBe(204);
};
const verdict = ({ status, body }: Answer): unknown[] => [status, body?.code];
const members = async (brand: string): Promise<number> =>
  Number((await rig.sql<{ n: string }>('select count(*) as n from member_link where brand = $1', [brand]))[0]?.n);
const walletOf = async (ref: string): Promise<string> =>
  (await rig.internal(`/internal/v1/links?refs=${ref}`)).body[0].walletId;

describe('an erased member', () => {
  it('does not return by an earlier consent, under any externalId', async () => {
    const phone = newPhone();
    await erase('aurora', await join('aurora', newId(), { phone }));
    const before = await members('aurora');
    expect(verdict(await post('aurora', newId(), { phone }))).toEqual([410, 'consent_withdrawn']);
    const spelt = { phone: phone.replace('+86138', '+86 138 '), email: 'new@example.cn' };
    expect(verdict(await post('aurora', newId(), spelt, { 'idempotency-key': 'e-1' }))).toEqual([
      410,
      'consent_withdrawn',
    ]);
    expect(await members('aurora')).toBe(before);
  });

  it('returns as a new person by a consent given since', async () => {
    const phone = newPhone();
    const first = await join('aurora', newId(), { phone });
    const wallet = await walletOf(first);
    await erase('aurora', first);
    const back = await join('aurora', newId(), { phone, ...joined(new Date().toISOString()) });
    expect(await walletOf(back)).not.toBe(wallet);
  });

  it('at one brand is the same person on return, by any contact point that another brand still has', async () => {
    const [phone, email] = [newPhone(), 'siskin@example.cn'];
    const first = await join('aurora', newId(), { phone, email });
    const wallet = await walletOf(first);
    await join('birch', newId(), { phone });
    await erase('aurora', first);
    const back = await join('aurora', newId(), { phone, ...joined(new Date().toISOString()) });
    expect(back).not.toBe(first);
    expect(await walletOf(back)).toBe(wallet);
    // the e-mail address was of this link only and is forgotten: it finds nobody
    await erase('aurora', back);
    const other = await join('aurora', newId(), { phone: null, email, ...joined(new Date().toISOString()) });
    expect(await walletOf(other)).not.toBe(wallet);
  });

  it('is reported when the call that created it is repeated, with or without a key', async () => {
    const [phone, plain, keyed] = [newPhone(), newId(), newId()];
    const other = newPhone();
    const one = await join('aurora', plain, { phone });
    const two = (await post('aurora', keyed, { phone: other }, { 'idempotency-key': 'e-2' })).body.memberRef as string;
    await erase('aurora', one);
    await erase('aurora', two);
    expect(verdict(await post('aurora', plain, { phone }))).toEqual([410, 'member_erased']);
    expect(verdict(await post('aurora', plain, { phone: newPhone() }))).toEqual([410, 'member_erased']);
    for (let i = 0; i < 2; i += 1) {
      expect(verdict(await post('aurora', keyed, { phone: other }, { 'idempotency-key': 'e-2' }))).toEqual([
        410,
        'member_erased',
      ]);
    }
  });

  it('leaves no trace of its externalId, attributes or contact points', async () => {
    const id = 'canary-nightjar-17';
    const [phone, key] = [newPhone(), { 'idempotency-key': 'e-3' }];
    const answer = await post('aurora', id, { phone, attributes: { note: 'canary-perch' } }, key);
    // a refusal that names the member is on record too
    const refused = await post('aurora', newId(), { phone }, { 'idempotency-key': 'e-4' });
    expect(refused.body).toMatchObject({ code: 'member_exists', externalId: id });
    await erase('aurora', answer.body.memberRef as string);
    const tables = await rig.sql<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'vault')`,
    );
    for (const { name } of tables) {
      const rows = await rig.sql<{ text: string }>(
        `select t::text as text from ${name} t where t::text like '%canary-%'`,
      );
      expect({ name, rows }).toEqual({ name, rows: [] });
    }
  });

  it('at one brand reveals nothing to another', async () => {
    const phone = newPhone();
    await erase('aurora', await join('aurora', newId(), { phone }));
    expect((await post('birch', newId(), { phone })).status).toBe(201);
  });

  it('does not return when another member is changed', async () => {
    const phone = newPhone();
    await erase('aurora', await join('aurora', newId(), { phone }));
    const path = `/v1/members/${await join('aurora', newId(), { phone: newPhone() })}`;
    const change = await rig.asBrand('aurora', 'PATCH', path, { phone }, { 'if-match': '*' });
    expect(verdict(change)).toEqual([410, 'consent_withdrawn']);
    const fresh = await join('aurora', newId(), { phone: newPhone(), ...joined(new Date().toISOString()) });
    const later = await rig.asBrand('aurora', 'PATCH', `/v1/members/${fresh}`, { phone }, { 'if-match': '*' });
    expect(later.status).toBe(200);
  });
});

describe('a contact point that was replaced before the member left', () => {
  const change = async (ref: string, body: object): Promise<void> => {
    const answer = await rig.asBrand('aurora', 'PATCH', `/v1/members/${ref}`, body, { 'if-match': '*' });
    expect(answer.status).toBe(200);
  };

  it('brings nobody back either, and is open to others until then', async () => {
    const phones = [newPhone(), newPhone(), newPhone()] as const;
    const emails = ['linnet1@example.cn', 'linnet2@example.cn'] as const;
    const ref = await join('aurora', newId(), { phone: phones[0], email: emails[0] });
    for (const phone of phones.slice(1)) await change(ref, { phone });
    // back to the earlier values, and on again
    await change(ref, { phone: phones[0], email: emails[1] });
    await change(ref, { phone: phones[2], email: null });
    const kept = newPhone();
    const owner = await join('aurora', newId(), { phone: kept });
    await change(owner, { phone: newPhone() });
    await join('aurora', newId(), { phone: kept });

    await erase('aurora', ref);
    for (const over of [...phones.map((phone) => ({ phone })), ...emails.map((email) => ({ email }))]) {
      expect(verdict(await post('aurora', newId(), over))).toEqual([410, 'consent_withdrawn']);
    }
    const told = await rig.sql<{ n: string }>(
      `select count(*) as n from outbox where topic = '${TOPICS.suppressions}' and tx_id =
         (select max(tx_id) from outbox where topic = '${TOPICS.suppressions}')`,
    );
    expect(told).toEqual([{ n: String(phones.length + emails.length + 1) }]);
    expect(await rig.sql('select from vault.former_contact where member_ref = $1', [ref])).toEqual([]);
    expect((await post('birch', newId(), { phone: phones[0] })).status).toBe(201);
    expect((await post('aurora', newId(), { phone: phones[0], ...joined(new Date().toISOString()) })).status).toBe(201);
  });

  it('counts as it was sent: an e-mail sent without a phone also stops a member with a phone', async () => {
    const [alone, beside] = ['siskin1@example.cn', 'siskin2@example.cn'];
    const ref = await join('aurora', newId(), { email: alone });
    await change(ref, { phone: newPhone(), email: beside });
    await change(ref, { email: null });
    await erase('aurora', ref);
    expect(verdict(await post('aurora', newId(), { phone: newPhone(), email: alone }))).toEqual([
      410,
      'consent_withdrawn',
    ]);
    expect((await post('aurora', newId(), { phone: newPhone(), email: beside })).status).toBe(201);
  });

  it('is found under its pepper while the member exists', async () => {
    const ref = await join('aurora', newId(), { phone: newPhone() });
    await change(ref, { phone: newPhone() });
    const lost = (): Promise<unknown[]> =>
      rig.sql(
        `select vault.suppressions_lost(array[1]::smallint[]) as of_one, vault.suppressions_lost('{}') as of_all`,
      );
    const [before] = (await lost()) as { of_one: bigint; of_all: bigint }[];
    await erase('aurora', ref);
    const [after] = (await lost()) as { of_one: bigint; of_all: bigint }[];
    expect([Number(before?.of_one), Number(after?.of_one)]).toEqual([0, 0]);
    // new are the external id and the last phone; the first phone was there before
    expect(Number(after?.of_all) - Number(before?.of_all)).toBe(2);
  });
});

describe('an e-mail address in another spelling of its domain', () => {
  it('is the same address, both known and withdrawn', async () => {
    const email = 'dunlin@example.cn';
    const ref = await join('aurora', newId(), { email });
    await erase('aurora', ref);
    for (const spelt of ['dunlin@ｅｘａｍｐｌｅ.cn', 'ＤＵＮＬＩＮ@example。cn']) {
      expect(verdict(await post('aurora', newId(), { email: spelt }))).toEqual([410, 'consent_withdrawn']);
    }
  });
});

describe('a withdrawn join_pool', () => {
  const withdraw = async (ref: string, at: string): Promise<void> => {
    const word = { purpose: 'join_pool', granted: false, policyVersion: '2026-01', channel: 'app', at };
    expect((await rig.asBrand('aurora', 'POST', `/v1/members/${ref}/consents`, word)).status).toBe(201);
  };

  it('overrides consents up to its time, and no later ones', async () => {
    const [phone, id] = [newPhone(), newId()];
    await withdraw(await join('aurora', id, { phone }), '2026-03-05T09:00:00Z');
    for (const at of [OLD, '2026-03-04T23:59:59Z', '2026-03-05T09:00:00Z']) {
      expect(verdict(await post('aurora', newId(), { phone, ...joined(at) }))).toEqual([410, 'consent_withdrawn']);
      expect(verdict(await post('aurora', id, { phone, ...joined(at) }))).toEqual([410, 'member_erased']);
    }
    expect((await post('aurora', id, { phone, ...joined('2026-03-05T09:00:01Z') })).status).toBe(201);
  });

  it('of a member with an e-mail alone stops that e-mail, and nobody whom a phone distinguishes', async () => {
    const email = 'family9@example.cn';
    await withdraw(await join('aurora', newId(), { email }), '2026-03-05T09:00:00Z');
    expect(verdict(await post('aurora', newId(), { email: ' FAMILY9@example.cn' }))).toEqual([
      410,
      'consent_withdrawn',
    ]);
    await withdraw(
      await join('aurora', newId(), { phone: newPhone(), email: 'two9@example.cn' }),
      '2026-03-05T09:00:00Z',
    );
    expect((await post('aurora', newId(), { phone: newPhone(), email: 'two9@example.cn' })).status).toBe(201);
    expect(verdict(await post('aurora', newId(), { email: 'two9@example.cn' }))).toEqual([410, 'consent_withdrawn']);
  });
});

describe('a database restored to a time before someone left', () => {
  const fresh = (): object => joined(new Date().toISOString());
  const active = async (ref: string): Promise<boolean> =>
    (await rig.asBrand('aurora', 'GET', `/v1/members/${ref}`)).status === 200;

  it('receives all departures again, and no others', async () => {
    const stayed = { id: newId(), phone: newPhone() };
    const left = { id: newId(), phone: newPhone() };
    const unknown = { id: newId(), phone: newPhone() };
    const back = { id: newId(), phone: newPhone() };
    const stayedRef = await join('aurora', stayed.id, { phone: stayed.phone });
    const leftRef = await join('aurora', left.id, { phone: left.phone });
    const backRef = await join('aurora', back.id, { phone: back.phone });
    await rig.dump();

    await erase('aurora', leftRef);
    await erase('aurora', await join('aurora', unknown.id, { phone: unknown.phone }));
    await erase('aurora', backRef);
    const again = await join('aurora', back.id, { phone: back.phone, ...fresh() });
    await rig.settled();
    // an older suppression does not end the link of a member who came back since
    expect(await active(again)).toBe(true);

    // without the runbook's rewind they stay active
    await rig.restore(false);
    await rig.settled();
    expect([await active(leftRef), await active(backRef)]).toEqual([true, true]);

    await rig.restore(true);
    await rig.settled();
    expect([await active(stayedRef), await active(leftRef), await active(backRef)]).toEqual([true, false, false]);
    expect(
      rig.pushed
        .slice(-2)
        .map(({ path }) => path.split('/').at(-1))
        .sort(),
    ).toEqual([leftRef, backRef].sort());
    expect((await post('aurora', stayed.id, { phone: stayed.phone })).body.memberRef).toBe(stayedRef);
    for (const { id, phone } of [left, unknown, back]) {
      expect(verdict(await post('aurora', id, { phone }))).toEqual([410, 'member_erased']);
      expect(verdict(await post('aurora', id, { phone: newPhone() }))).toEqual([410, 'member_erased']);
      expect(verdict(await post('aurora', newId(), { phone }))).toEqual([410, 'consent_withdrawn']);
      expect((await post('aurora', id, { phone, ...fresh() })).status).toBe(201);
    }
  });

  it('receives nothing that identifies them', async () => {
    const [id, phone, email] = ['canary-plover-3', newPhone(), 'canary-plover@example.cn'];
    await erase('aurora', await join('aurora', id, { phone, email }));
    const rows = await rig.sql<{ key: string; text: string }>(
      `select key, encode(body, 'escape') as text from outbox where topic = '${TOPICS.suppressions}' and tx_id =
         (select max(tx_id) from outbox where topic = '${TOPICS.suppressions}') order by key`,
    );
    expect(rows.map(({ key }) => key.split('/').slice(0, 3))).toEqual([
      ['aurora', 'email', '1'],
      ['aurora', 'external_id', '1'],
      ['aurora', 'phone', '1'],
    ]);
    for (const { key, text } of rows) {
      for (const word of [id, phone, phone.slice(3), email, 'plover']) expect(key + text).not.toContain(word);
    }
  });
});

it('a deletion under a clock behind the consent counts from the consent', async () => {
  const phone = newPhone();
  const at = new Date(Date.now() + 60_000).toISOString();
  await erase('aurora', await join('aurora', newId(), { phone, ...joined(at) }));
  expect(verdict(await post('aurora', newId(), { phone, ...joined(at) }))).toEqual([410, 'consent_withdrawn']);
});
