import { randomInt } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { CycleChangedSchema } from '#libs/contracts';
import { fail } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { emptyDatabase, testBroker, type BrokerKind, type TestBroker } from '#libs/testing';
import { discard, listParked, release, rewindGroup, showParked } from '../src/operator.js';
import type { MessagingConfig } from '../src/ports.js';
import { messagingTablesSql } from '../src/tables.js';
import { declareTopics, openEventLog } from '../src/topics.js';
import { EFFECT_SQL, ENDED, Member, type MemberOptions } from './member.js';

const KEYS = Array.from({ length: 12 }, (_, i) => `key-${i}`);

async function until(what: string, test: () => Promise<boolean>, ms = 25_000): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end;) {
    if (await test()) return;
    await sleep(25);
  }
  throw new Error(`never: ${what}`);
}

/** Requirements of both transports; one spec file each, so that they run in parallel. */
export function conformance(kind: BrokerKind): void {
  describe(`messaging on ${kind}`, () => {
    jest.setTimeout(60_000);
    let broker: TestBroker;
    let database: Awaited<ReturnType<typeof emptyDatabase>>;
    let sql: pg.Client;
    let config: MessagingConfig & { databaseUrl: string };
    let publisher: Member;
    let topic: string;
    let group: string;
    let serial = 0;
    const members: Member[] = [];

    beforeAll(async () => {
      broker = await testBroker(kind);
      database = await emptyDatabase();
      config = { ...broker.config, databaseUrl: database.url, leaseMs: 6_000, retryDelaysMs: [2_000] };
      sql = new pg.Client({ connectionString: database.url });
      await sql.connect();
      await sql.query(messagingTablesSql());
      await sql.query(EFFECT_SQL);
    });

    beforeEach(async () => {
      await sql.query('truncate effect, effect_once');
      topic = `hezong.${broker.prefix}.stream${serial}.v1`;
      group = `${broker.prefix}.g${serial}`;
      serial += 1;
      await declareTopics(config, {
        topics: [{ name: topic, partitions: 4, unordered: [`${broker.prefix}.unordered`] }],
      });
      publisher = await start({ name: 'publisher', consumes: false });
    });

    afterEach(async () => {
      await Promise.all(members.splice(0).map((member) => member.stop()));
      await sql.query('truncate parked_key, parked_record');
    });

    afterAll(async () => {
      await sql.end();
      await broker.drop();
      await database.drop();
    });

    async function start(options: Partial<MemberOptions> & { name: string }): Promise<Member> {
      const member = await Member.start({ config, topic, group, ...options });
      members.push(member);
      return member;
    }

    async function stop(member: Member): Promise<void> {
      members.splice(members.indexOf(member), 1);
      await member.stop();
    }

    async function effects(): Promise<{ member: string; key: string; n: number }[]> {
      const { rows } = await sql.query<{ member: string; key: string; n: number }>(
        'select member, key, n from effect order by id',
      );
      return rows;
    }

    async function ofKey(key: string): Promise<number[]> {
      return (await effects()).filter((row) => row.key === key).map((row) => row.n);
    }

    const count = async (): Promise<number> => (await effects()).length;

    function upTo(n: number): number[] {
      return Array.from({ length: n }, (_, i) => i);
    }

    it('handles every event once, in the order of its key, and then has no backlog and no lag', async () => {
      const member = await start({ name: 'a' });
      await publisher.publish(KEYS, 0, 25);
      await until('all handled', async () => (await count()) === 300);
      for (const key of KEYS) expect(await ofKey(key)).toEqual(upTo(25));
      await until('settled', async () => (await member.messaging.lag())[0]?.events === 0);
      expect(await publisher.messaging.backlog()).toMatchObject([{ source: 'outbox', events: 0 }]);
      expect(await member.messaging.lag()).toMatchObject([{ consumer: group, events: 0, comingAgain: 0 }]);
      expect(await member.messaging.parked()).toBe(0);
      expect(await member.messaging.brokerReady()).toBe(true);

      // one event at a time, on a quiet system
      for (let n = 25; n < 35; n += 1) {
        await publisher.publish(['key-0'], n, n + 1);
        await until('handled', async () => (await count()) === 300 + n - 24);
      }
      const { rows } = await sql.query<{ quick: number; median: number }>(
        `select percentile_cont(0.2) within group (order by ms)::float as quick,
                percentile_cont(0.5) within group (order by ms)::float as median
           from (select extract(epoch from at - sent) * 1000 as ms from effect where n >= 25) as t`,
      );
      process.stdout.write(`\n${kind}: commit to effect, median ${Math.round(rows[0]?.median ?? 0)} ms\n`);
      // The quickest ones, because other suites share the cores.
      expect(rows[0]?.quick).toBeLessThan(500);
    });

    it('counts events that nobody has handled yet', async () => {
      await publisher.publish(KEYS, 0, 2);
      const log = openEventLog(config);
      try {
        await until('all in the log', async () => {
          const [lag] = await log.lag([{ group, topics: [topic] }]);
          return lag?.progress.reduce((sum, { end, handled }) => sum + end - handled, 0n) === 24n;
        });
      } finally {
        await log.close();
      }
    });

    it('loses nothing when a transaction with a lower sequence commits later', async () => {
      await start({ name: 'a' });
      const late = publisher.dataSource.createQueryRunner();
      await late.startTransaction();
      const event = (key: string) => ({ topic, key, schema: CycleChangedSchema, body: { cycle: key, status: '0' } });
      await publisher.outbox.add(late.manager, event('late'));
      await publisher.publish(['early'], 0, 1);
      await sleep(300);
      await late.commitTransaction();
      await late.release();
      await until('both handled', async () => (await count()) === 2);
    });

    it('keeps the order in which writers held a key, whichever began first and whichever process relays', async () => {
      await sql.query('create table if not exists thing (key text primary key, n integer not null)');
      await sql.query('create table if not exists noise (n integer)');
      await sql.query('truncate thing');
      const few = KEYS.slice(0, 3);
      await sql.query('insert into thing select key, 0 from unnest($1::text[]) as key', [few]);
      const other = await start({ name: 'second publisher', consumes: false });
      await start({ name: 'a' });
      await start({ name: 'b' });
      const EACH = 40;
      const write = async (instance: Member, key: string): Promise<void> => {
        await runInTransaction(instance.dataSource, { brand: '*' }, async (tx) => {
          // a transaction gets its id before it waits for the key, so the last to hold the key may have the lowest id
          await tx.query('insert into noise values (1)');
          await sleep(randomInt(30));
          const rows: { n: number }[] = await tx.query('select n from thing where key = $1 for update', [key]);
          const n = rows[0]?.n ?? -1;
          await tx.query('update thing set n = n + 1 where key = $1', [key]);
          await instance.outbox.add(tx, {
            topic,
            key,
            schema: CycleChangedSchema,
            body: { cycle: key, status: String(n) },
          });
        });
      };
      const writers = [publisher, publisher, publisher, other, other, other, other].map(async (instance, writer) => {
        for (let i = 0; i < EACH; i += 1) {
          const key = few[(i + writer) % few.length] ?? '';
          // the leading relay stops in the middle, with its writers
          if (instance === publisher && i === EACH / 2) return;
          await write(instance, key);
        }
      });
      await Promise.all(writers.slice(0, 3));
      await stop(publisher);
      await Promise.all(writers);
      const total = 3 * (EACH / 2) + 4 * EACH;
      await until('all handled', async () => (await count()) === total, 40_000);
      for (const key of few) {
        const { rows } = await sql.query<{ n: number }>('select n from thing where key = $1', [key]);
        expect(await ofKey(key)).toEqual(upTo(rows[0]?.n ?? 0));
      }
    });

    it('redistributes partitions when a member joins and when one leaves', async () => {
      const a = await start({ name: 'a' });
      await publisher.publish(KEYS, 0, 5);
      await until('a handles all', async () => (await count()) === 60);
      const b = await start({ name: 'b' });
      let n = 5;
      await until('b has its share', async () => {
        await publisher.publish(KEYS, n, (n += 1));
        return new Set((await effects()).filter((row) => row.n >= n - 3).map((row) => row.member)).size === 2;
      });
      await stop(a);
      await publisher.publish(KEYS, n, (n += 5));
      await until('b handles the rest', async () => (await count()) === 12 * n);
      for (const key of KEYS) expect(await ofKey(key)).toEqual(upTo(n));
      expect((await b.messaging.lag())[0]?.consumer).toBe(group);
    });

    it('handles again what a killed member had not finished, and nothing twice', async () => {
      await publisher.publish(KEYS, 0, 10);
      const { child, said } = memberProcess({ name: 'victim', config, topic, group, hangAt: 10 });
      try {
        await said('ready');
        await until('the victim handled the first', async () => (await count()) === 120);
        await publisher.publish(KEYS, 10, 20);
        await said('hanging');
      } finally {
        child.kill('SIGKILL');
      }
      await start({ name: 'heir' });
      await until('the heir handled the rest', async () => (await count()) === 240, 50_000);
      for (const key of KEYS) expect(await ofKey(key)).toEqual(upTo(20));
    });

    it('changes nothing when everything is replayed from the start', async () => {
      const first = await start({ name: 'a' });
      await publisher.publish(KEYS, 0, 5);
      await until('handled', async () => (await count()) === 60);
      await until('committed', async () => (await first.messaging.lag())[0]?.events === 0);
      await stop(first);

      await rewindGroup(config, group, [topic]);
      const second = await start({ name: 'b' });
      await until('read again', async () => (await second.messaging.lag())[0]?.events === 0);
      expect(await count()).toBe(60);
      await stop(second);

      await rewindGroup(config, group, [topic], { forgetInbox: true });
      await start({ name: 'c' });
      await until('handled again', async () => (await count()) === 120);
      const { rows } = await sql.query<{ n: string }>('select count(*) as n from effect_once');
      expect(rows[0]?.n).toBe('60');
    });

    it('parks the key of a poison record, lets others pass, and releases the key in order', async () => {
      let poisonous = true;
      await start({
        name: 'a',
        before: (batch) => {
          if (poisonous && batch.events.some((event) => event.key === 'key-3')) throw new Error('poison');
        },
      });
      await publisher.publish(KEYS, 0, 2);
      await until('the others passed', async () => (await count()) === 22);
      await until('the key is parked', async () => (await listParked(config.databaseUrl)).length === 2);
      await publisher.publish(KEYS, 2, 4);
      await until('the others pass on', async () => (await count()) === 44);
      expect(await ofKey('key-3')).toEqual([]);
      await until('its later records follow it', async () => (await listParked(config.databaseUrl)).length === 4);
      const parked = await listParked(config.databaseUrl, { group });
      expect(parked[0]).toMatchObject({ kind: 'parked', key: 'key-3', errorMessage: 'poison', attempts: 4 });
      expect(parked[3]).toMatchObject({ kind: 'parked', key: 'key-3', errorCode: 'key_parked' });
      expect(await showParked(config.databaseUrl, parked[0]?.id ?? '')).toMatchObject({
        body: { cycle: 'key-3', status: '0' },
      });

      // released too early: it stays
      expect(await release(config.databaseUrl, { key: 'key-3' })).toBe(1);
      await until('it failed again', async () => ((await listParked(config.databaseUrl))[0]?.attempts ?? 0) === 5);
      expect(await count()).toBe(44);

      poisonous = false;
      await release(config.databaseUrl, { id: parked[2]?.id ?? '' });
      await publisher.publish(KEYS, 4, 6);
      await until('all handled', async () => (await count()) === 72);
      for (const key of KEYS) expect(await ofKey(key)).toEqual(upTo(6));
      expect(await listParked(config.databaseUrl)).toEqual([]);
    });

    it('carries a tombstone like any event: in its order, parked and released, and again in a replay', async () => {
      let poisonous = true;
      const first = await start({
        name: 'a',
        before: (batch) => {
          if (poisonous && batch.events.some((event) => event.isTombstone && event.key === 'key-3'))
            throw new Error('poison');
        },
      });
      await publisher.publish(KEYS, 0, 2);
      await publisher.bury(['key-0', 'key-3']);
      await publisher.publish(['key-0', 'key-3'], 2, 3);
      await until('the others passed', async () => (await count()) === 28 - 2);
      expect(await ofKey('key-0')).toEqual([0, 1, ENDED, 2]);
      await until('the key is parked', async () => (await listParked(config.databaseUrl)).length === 2);
      const [parked] = await listParked(config.databaseUrl);
      expect(parked).toMatchObject({ key: 'key-3', type: CycleChangedSchema.typeName, errorMessage: 'poison' });
      expect((await showParked(config.databaseUrl, parked?.id ?? ''))?.body).toBeNull();
      // neither alone nor among others, and nothing is half-applied
      for (const filter of [{ id: parked?.id ?? '' }, { group }, {}])
        await expect(discard(config.databaseUrl, filter)).rejects.toThrow('set it aside');
      expect(await listParked(config.databaseUrl)).toHaveLength(2);
      poisonous = false;
      await release(config.databaseUrl, { key: 'key-3' });
      await until('the key went on', async () => (await count()) === 28);
      expect(await ofKey('key-3')).toEqual([0, 1, ENDED, 2]);
      await until('committed', async () => (await first.messaging.lag())[0]?.events === 0);
      await stop(first);

      await sql.query('truncate effect');
      await rewindGroup(config, group, [topic], { forgetInbox: true });
      await start({ name: 'b' });
      await until('handled again', async () => (await count()) === 28);
      expect(await ofKey('key-3')).toEqual([0, 1, ENDED, 2]);
    });

    it('skips an event that was set aside when it rewinds, and does not let its key wait for it again', async () => {
      const refuses: MemberOptions['before'] = ({ events }) => {
        if (events.some((event) => event.is(CycleChangedSchema) && event.key === 'key-3' && event.body.status === '0'))
          throw new Error('poison');
      };
      const first = await start({ name: 'a', before: refuses });
      await publisher.publish(KEYS, 0, 1);
      await until('the others passed', async () => (await count()) === 11);
      await until('the key is parked', async () => (await listParked(config.databaseUrl)).length === 1);
      const [parked] = await listParked(config.databaseUrl);
      expect(await first.messaging.setAside(parked?.id ?? '', 'another', 'operator', 'ticket')).toBe(false);
      expect(await first.messaging.setAside(parked?.id ?? '', parked?.eventId ?? '', 'operator', 'ticket')).toBe(true);
      // a repeat of the same act, and another's
      expect(await first.messaging.setAside(parked?.id ?? '', parked?.eventId ?? '', 'operator', 'ticket')).toBe(true);
      expect(await first.messaging.setAside(parked?.id ?? '', parked?.eventId ?? '', 'another', 'ticket')).toBe(false);
      await expect(discard(config.databaseUrl, { group })).rejects.toThrow('stays there');
      await stop(first);
      await sql.query('truncate effect');
      await rewindGroup(config, group, [topic], { forgetInbox: true });
      await start({ name: 'b', before: refuses });
      await publisher.publish(['key-3'], 1, 2);
      await until('handled again, and the next of the key', async () => (await count()) === 12);
      expect(await ofKey('key-3')).toEqual([1]);
      expect((await listParked(config.databaseUrl)).map(({ kind }) => kind)).toEqual(['set_aside']);
    });

    it('delays no other key while one event must be retried later, and retries it by itself', async () => {
      let early = true;
      const member = await start({
        name: 'a',
        before: (batch) => {
          if (early && batch.events.some((event) => event.key === 'key-3')) fail('unavailable', { detail: 'not yet' });
        },
      });
      await publisher.publish(KEYS, 0, 2);
      await until('the others passed', async () => (await count()) === 22);
      await until('the key waits', async () => (await listParked(config.databaseUrl)).length === 2);
      expect((await listParked(config.databaseUrl))[0]).toMatchObject({ errorCode: 'unavailable', releasing: true });
      // it does not wait for an operator, and it is not handled either
      expect(await member.messaging.parked()).toBe(0);
      await until('only the key is behind', async () => (await member.messaging.lag())[0]?.events === 2);
      early = false;
      await until('the key went on by itself', async () => (await count()) === 24);
      expect(await ofKey('key-3')).toEqual([0, 1]);
      expect(await listParked(config.databaseUrl)).toEqual([]);
      expect((await member.messaging.lag())[0]?.events).toBe(0);
    });

    it('dead-letters what cannot be decoded, ignores unknown events, and continues', async () => {
      await start({ name: 'a' });
      const log = openEventLog(config);
      const headers = { ce_specversion: '1.0', ce_source: '/hezong/test', ce_time: '2026-11-22T00:00:00Z' };
      try {
        await log.append([
          { topic, key: 'key-0', headers: {}, value: Buffer.from('no headers') },
          {
            topic,
            key: 'key-0',
            headers: {
              ...headers,
              ce_id: 'garbled',
              ce_type: 'x',
              ce_dataschema: '#hezong.settlement.v1.CycleChanged',
            },
            value: Buffer.from([0x0a, 0xff]),
          },
          {
            topic,
            key: 'key-0',
            headers: { ...headers, ce_id: 'new', ce_type: 'y', ce_dataschema: '#hezong.future.v9.Thing' },
            value: Buffer.alloc(0),
          },
        ]);
      } finally {
        await log.close();
      }
      await publisher.publish(['key-0'], 0, 1);
      await until('the good one is handled', async () => (await count()) === 1);
      const dead = await listParked(config.databaseUrl);
      expect(dead.map((item) => [item.kind, item.key])).toEqual([
        ['dead', 'key-0'],
        ['dead', 'key-0'],
      ]);
      expect(dead[0]?.errorCode).toBe('headers_unreadable');
      expect(await discard(config.databaseUrl, { id: dead[0]?.id ?? '' })).toBe(1);
      expect(await listParked(config.databaseUrl)).toHaveLength(1);
    });

    it('finishes the running handler when it is stopped, and dead-letters nothing while stopping', async () => {
      let running = false;
      const slow = await start({
        name: 'slow',
        before: async () => {
          running = true;
          await sleep(700);
        },
      });
      await publisher.publish(KEYS, 0, 1);
      await until('it runs', () => Promise.resolve(running));
      await stop(slow);
      const handled = await count();
      expect(handled).toBeGreaterThan(0);

      const failing = await start({ name: 'failing', before: () => Promise.reject(new Error('not now')) });
      await publisher.publish(['other'], 0, 1);
      await sleep(150);
      await stop(failing);
      expect(await listParked(config.databaseUrl, { key: 'other' })).toEqual([]);
      await start({ name: 'next' });
      await until('the next one handles the rest', async () => (await count()) === 13);
    });

    it('repeats what a slow database does not finish, in smaller batches, and parks nothing', async () => {
      let slow = true;
      const sizes: number[] = [];
      await start({
        name: 'a',
        before: async (batch) => {
          sizes.push(batch.events.length);
          if (slow) await batch.tx.query(`set local statement_timeout = 100; select pg_sleep(1)`);
        },
      });
      await publisher.publish(KEYS, 0, 2);
      // longer than all attempts of a failing event together
      await sleep(6_500);
      await until('one event is tried alone', () => Promise.resolve(sizes.includes(1)));
      expect(await listParked(config.databaseUrl)).toEqual([]);
      slow = false;
      await until('all handled', async () => (await count()) === 24);
      for (const key of KEYS) expect(await ofKey(key)).toEqual([0, 1]);
      expect(Math.max(...sizes)).toBeGreaterThan(1);
    });

    it('deletes sent and handled events as fast as new ones come', async () => {
      const brief = { ...config, keepMs: { outbox: 1_000, inbox: 1_000 } };
      const busy = await start({ name: 'busy', consumes: false, config: brief });
      await start({ name: 'a', config: brief });
      const rows = async (): Promise<number> => {
        const { rows: found } = await sql.query<{ n: number }>(
          'select ((select count(*) from outbox) + (select count(*) from inbox))::int as n',
        );
        return found[0]?.n ?? 0;
      };
      const many = Array.from({ length: 200 }, (_, i) => `key-${i}`);
      let rounds = 0;
      let most = 0;
      // on a busy machine it takes longer until rows go as fast as they come
      const [end, last] = [performance.now() + 6_000, performance.now() + 25_000];
      const goesOn = (now: number): boolean => now < end || (now < last && most >= rounds * many.length);
      for (; goesOn(performance.now()); rounds += 1) {
        await busy.publish(many, rounds, rounds + 1);
        await until('not far behind', async () => rounds * many.length - (await count()) < 2_000);
        most = Math.max(most, await rows());
      }
      const published = rounds * many.length;
      await until('all handled', async () => (await count()) === published);
      // each event writes a row in both
      expect(published).toBeGreaterThan(1_000);
      expect(most).toBeLessThan(published);
      await until('nothing is left', async () => (await rows()) === 0);
      for (const key of KEYS) expect(await ofKey(key)).toEqual(upTo(rounds));
    });

    it('sends an unordered record through its retry topics', async () => {
      let failures = 0;
      const unordered = `${broker.prefix}.unordered`;
      const member = await start({
        name: 'a',
        group: unordered,
        ordered: false,
        before: (batch) => {
          if (batch.events.some((event) => event.key === 'key-1') && (failures += 1) <= 5) throw new Error('not yet');
        },
      });
      await publisher.publish(KEYS.slice(0, 3), 0, 1);
      await until('the others passed', async () => (await count()) === 2);
      await until('the record waits in a retry topic', async () => (await member.messaging.lag())[0]?.events === 1);
      expect(await member.messaging.parked()).toBe(0);
      await until('handled after its delay', async () => (await count()) === 3);
      await until('nothing left', async () => (await member.messaging.lag())[0]?.events === 0);
    });
  });
}

/** Starts a member in its own process. */
function memberProcess(options: MemberOptions & { hangAt: number }): {
  child: ChildProcess;
  said: (words: string) => Promise<void>;
} {
  const program = join(import.meta.dirname, 'member-process.js');
  const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let heard = '';
  child.stdout.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  return {
    child,
    said: (words) =>
      until(`child says ${words}`, () => {
        if (child.exitCode !== null) throw new Error(`child ended: ${heard}`);
        return Promise.resolve(heard.includes(words));
      }),
  };
}
