import pg from 'pg';
import { Kafka, logLevel } from 'kafkajs';
import { brokersUnderTest, emptyDatabase, testBroker, testServers } from './index.js';

describe('servers of a test run', () => {
  it('include a real PostgreSQL 18 with its durability settings', async () => {
    const database = await emptyDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query(
      "select current_setting('server_version_num')::int as version, current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit, current_setting('listen_addresses') as listens",
    );
    await client.end();
    await database.drop();
    expect(rows[0]).toMatchObject({ fsync: 'on', commit: 'on' });
    expect(rows[0].version).toBeGreaterThanOrEqual(180_000);
  });

  it('are started once for all callers', async () => {
    const [one, two] = await Promise.all([testServers().postgres(), testServers().postgres()]);
    expect(two).toEqual(one);
  });

  if (brokersUnderTest().includes('kafka')) {
    it('include a real Kafka that creates no topic by itself', async () => {
      const broker = await testBroker('kafka');
      const admin = new Kafka({ brokers: broker.config.kafkaBrokers, logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      expect(await admin.createTopics({ topics: [{ topic: `${broker.prefix}.a`, numPartitions: 3 }] })).toBe(true);
      await expect(admin.fetchTopicMetadata({ topics: [`${broker.prefix}.b`] })).rejects.toThrow();
      await admin.disconnect();
      await broker.drop();
    }, 60_000);
  }
});
