import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import kafkajs, { Kafka, logLevel, type Producer } from 'kafkajs';
import pg from 'pg';
import { defineConfig, kafkaFields, loadConfig } from '#libs/config';
import { TOPICS } from '#libs/contracts';
import { startKafka, type RunningKafka } from '#libs/servers';
import { brokersUnderTest, certificateAuthority, emptyDatabase } from '#libs/testing';
import { declareAcls, readAcls } from '../src/kafka/acls.js';
import type { KafkaAccess, MessagingConfig } from '../src/ports.js';
import { messagingTablesSql } from '../src/tables.js';
import { declareTopics, openEventLog, readTopics } from '../src/topics.js';
import { EFFECT_SQL, Member } from './member.js';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
const ADMIN = 'root-of-kafka';
const ISSUER = 'https://issuer.example';
const AUDIENCE = 'kafka';
const KEYS = ['a', 'b', 'c', 'd'];
const users = readAcls().map(({ name }) => name);
const passwordOf = (user: string): string => `secret-of-${user}`;

const suite = brokersUnderTest().includes('kafka') ? describe : describe.skip;

/** Rights of deploy/kafka/acls.yaml on a broker with TLS, authentication and an authorizer. */
suite('messaging on a secured Kafka', () => {
  const authority = certificateAuthority();
  const stranger = certificateAuthority('Somebody else');
  let directory: string;
  let broker: RunningKafka;
  let tokens: Server;
  let tokenUrl: string;
  let tokensIssued = 0;
  let subject = 'hezong-crm';
  /** Each service has its own database: access to a service's database is enough to send its outbox. */
  let databases: Awaited<ReturnType<typeof emptyDatabase>>[];
  let sql: pg.Client;

  /** Variables as in the environment of a service. */
  const access = (over: Record<string, string> = {}): KafkaAccess =>
    loadConfig(defineConfig('kafka', kafkaFields()), {
      KAFKA_BROKERS: broker.broker,
      KAFKA_SSL: 'verify-full',
      KAFKA_SSL_CA_FILE: join(directory, 'ca.pem'),
      KAFKA_SASL: 'scram-sha-512',
      ...over,
    });
  const as = (user: string, over: Record<string, string> = {}): MessagingConfig => ({
    ...access({ KAFKA_SASL_USERNAME: user, KAFKA_SASL_PASSWORD: passwordOf(user), ...over }),
    broker: 'kafka',
    logDatabaseUrl: 'postgres://unset',
    leaseMs: 6_000,
  });
  /** Speaks the protocol directly, without our code in between. */
  const client = (user: string): Kafka =>
    new Kafka({
      brokers: [broker.broker],
      ssl: { ca: authority.cert },
      sasl: { mechanism: 'scram-sha-512', username: user, password: passwordOf(user) },
      logLevel: logLevel.NOTHING,
      retry: { retries: 1, initialRetryTime: 50 },
    });
  const refusal = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'went through',
      (error: unknown) => {
        // kafkajs, like the broker, reports a group without access and a group without a coordinator in the same way
        if (String(error).includes('Failed to find group coordinator')) return 'no group';
        const denied = /not authorized to access (\w+)|(\w+) authorization failed/i.exec(String(error));
        return denied === null ? String(error) : `no ${(denied[1] ?? denied[2] ?? '').toLowerCase().replace(/s$/, '')}`;
      },
    );

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hezong-secured-'));
    writeFileSync(join(directory, 'ca.pem'), authority.cert);
    writeFileSync(join(directory, 'stranger.pem'), stranger.cert);
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
    tokens = createServer((request, response) => {
      void (async () => {
        response.setHeader('content-type', 'application/json');
        if (request.method === 'GET') return response.end(JSON.stringify({ keys: [jwk] }));
        tokensIssued += 1;
        const token = await new SignJWT({ scope: 'kafka' })
          .setProtectedHeader({ alg: 'RS256', kid: 'one' })
          .setIssuer(ISSUER)
          .setAudience(AUDIENCE)
          .setSubject(subject)
          .setIssuedAt()
          .setExpirationTime('5m')
          .sign(privateKey);
        return response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 300 }));
      })();
    });
    await new Promise<void>((done) => tokens.listen(0, '127.0.0.1', done));
    tokenUrl = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}`;
    const { cert, key } = authority.issue('broker', '127.0.0.1');
    broker = await startKafka({
      secured: {
        ca: authority.cert,
        cert,
        key,
        name: 'broker',
        superUser: ADMIN,
        users: Object.fromEntries([ADMIN, ...users].map((user) => [user, passwordOf(user)])),
        oauth: { jwksUrl: `${tokenUrl}/keys`, issuer: ISSUER, audience: AUDIENCE },
      },
    });
    await declareTopics(as(ADMIN), { partitions: 2 });
    databases = [await emptyDatabase(), await emptyDatabase()];
    for (const { url } of databases) {
      sql = new pg.Client({ connectionString: url });
      await sql.connect();
      await sql.query(messagingTablesSql());
      await sql.query(EFFECT_SQL);
      if (url === databases[0]?.url) await sql.end();
    }
  }, 120_000);

  afterAll(async () => {
    tokens.close();
    await broker.stop();
    await sql.end();
    for (const database of databases) await database.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('grants declared rights, removes others, and then has nothing to do', async () => {
    const given = await declareAcls(as(ADMIN));
    expect(given).toContain('given: User:hezong-partners ALLOW WRITE TOPIC hezong.partners.brands.v1');
    expect(given).toContain('given: User:hezong-ledger ALLOW READ GROUP ledger.links');
    const admin = client(ADMIN).admin();
    await admin.connect();
    await admin.createAcls({
      acl: [
        {
          principal: 'User:hezong-identity',
          host: '*',
          resourceType: AclResourceTypes.TOPIC,
          resourceName: 'hezong.',
          resourcePatternType: ResourcePatternTypes.PREFIXED,
          operation: AclOperationTypes.ALL,
          permissionType: AclPermissionTypes.ALLOW,
        },
      ],
    });
    await admin.disconnect();
    expect(await declareAcls(as(ADMIN))).toEqual(['taken: User:hezong-identity ALLOW ALL TOPIC PREFIXED hezong.']);
    expect(await declareAcls(as(ADMIN))).toEqual([]);
  });

  it('carries events from the service that writes to the service that reads, each once, in order', async () => {
    const config = (user: string, n: number) => ({ ...as(user), databaseUrl: databases[n]?.url ?? '' });
    const common = { topic: TOPICS.postings, group: 'settlement.ledger' };
    const reader = await Member.start({ ...common, name: 'settlement', config: config('hezong-settlement', 1) });
    const writer = await Member.start({
      ...common,
      name: 'ledger',
      consumes: false,
      config: config('hezong-ledger', 0),
    });
    try {
      await writer.publish(KEYS, 0, 20);
      const handled = async () =>
        (await sql.query<{ key: string; n: number }>('select key, n from effect order by id')).rows;
      for (let waited = 0; waited < 20_000 && (await handled()).length < 80; waited += 50) await sleep(50);
      for (const key of KEYS)
        expect((await handled()).filter((row) => row.key === key).map((row) => row.n)).toEqual([...Array(20).keys()]);
      for (let waited = 0; waited < 5_000 && (await reader.messaging.lag())[0]?.events !== 0; waited += 50)
        await sleep(50);
      expect(await reader.messaging.lag()).toMatchObject([
        { consumer: 'settlement.ledger', events: 0, comingAgain: 0 },
      ]);
      expect(await writer.messaging.brokerReady()).toBe(true);
    } finally {
      await writer.stop();
      await reader.stop();
    }
  });

  it('lets no service write another service’s topic', async () => {
    const owner = (topic: string): string => `hezong-${topic.split('.')[1] ?? ''}`;
    const topics = readTopics().map(({ name }) => name);
    await Promise.all(
      users.map(async (user) => {
        const producer: Producer = client(user).producer();
        await producer.connect();
        for (const topic of topics) {
          const outcome = await refusal(producer.send({ topic, messages: [{ key: 'k', value: 'v' }] }));
          expect([user, topic, outcome]).toEqual([user, topic, owner(topic) === user ? 'went through' : 'no topic']);
        }
        await producer.disconnect();
      }),
    );
  });

  it.each([
    ['a topic that is not for it', 'hezong-membership', 'membership.orders', TOPICS.postings, 'topic'],
    ['as the group of another', 'hezong-membership', 'referrals.orders', TOPICS.orders, 'group'],
    ['who left a brand, but crm', 'hezong-ledger', 'ledger.links', TOPICS.suppressions, 'topic'],
    ['what it writes itself', 'hezong-crm', 'crm.brands', TOPICS.links, 'topic'],
  ])('lets no service read %s', async (_what, user, groupId, topic, kind) => {
    const consumer = client(user).consumer({
      groupId,
      retry: { retries: 0, restartOnFailure: () => Promise.resolve(false) },
    });
    const crash = new Promise<never>((_done, fail) => {
      consumer.on('consumer.crash', ({ payload }) => fail(payload.error));
    });
    let read = 0;
    await consumer.connect();
    crash.catch(() => undefined);
    const reading = consumer
      .subscribe({ topics: [topic], fromBeginning: true })
      .then(() => consumer.run({ eachMessage: () => Promise.resolve(void (read += 1)) }))
      .then(() => crash);
    expect(await refusal(reading)).toBe(`no ${kind}`);
    expect(read).toBe(0);
    await consumer.disconnect();
  });

  it('lets a service rewind its own groups, as after a restore, and no others', async () => {
    const rewind = async (user: string): Promise<string> => {
      const log = openEventLog(as(user));
      try {
        return await refusal(log.rewind({ group: 'crm.suppressions', topics: [TOPICS.suppressions] }));
      } finally {
        await log.close();
      }
    };
    expect(await rewind('hezong-crm')).toBe('went through');
    expect(await rewind('hezong-ledger')).not.toBe('went through');
  });

  it('authenticates users by password and itself by certificate, never unencrypted', async () => {
    const ready = async (config: MessagingConfig): Promise<string> => {
      const log = openEventLog(config);
      try {
        return await log.ready().then(String, (error: unknown) => String(error));
      } finally {
        await log.close();
      }
    };
    expect(await ready(as('hezong-crm'))).toBe('true');
    expect(await ready(as('hezong-crm', { KAFKA_SASL_PASSWORD: 'guessed' }))).toMatch(/[Aa]uthentication/);
    expect(await ready(as('hezong-crm', { KAFKA_SSL_CA_FILE: join(directory, 'stranger.pem') }))).toMatch(
      /certificate/,
    );
    expect(await ready(as('hezong-crm', { KAFKA_SASL: 'none' }))).not.toBe('true');
    expect(
      await ready({ broker: 'kafka', kafkaBrokers: [broker.broker], logDatabaseUrl: 'postgres://unset' }),
    ).not.toBe('true');
  });

  it('accepts access tokens: the named service gets its rights', async () => {
    const byToken = (): MessagingConfig =>
      as('client-of-crm', { KAFKA_SASL: 'oauthbearer', KAFKA_SASL_TOKEN_URL: tokenUrl });
    const append = async (topic: string): Promise<string> => {
      const log = openEventLog(byToken());
      try {
        const entry = { topic, key: 'k', headers: {}, value: new Uint8Array([1]) };
        return await refusal(log.append([entry]));
      } finally {
        await log.close();
      }
    };
    subject = 'hezong-crm';
    expect(await append(TOPICS.links)).toBe('went through');
    expect(await append(TOPICS.postings)).toBe('no topic');
    subject = 'nobody';
    // a user without write rights cannot be a producer
    expect(await append(TOPICS.links)).toBe('no cluster');
    expect(tokensIssued).toBe(3);
  });
});
