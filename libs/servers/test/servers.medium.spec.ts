import pg from 'pg';
import { brokersUnderTest } from '#libs/testing';
import { openDoor, portOf, startKafka, startPostgres } from '../src/index.js';

const SMALL = { sharedBuffers: '16MB', settings: { max_wal_size: '128MB', min_wal_size: '64MB' } };

it('PostgreSQL: several servers started together are separate', async () => {
  const servers = await Promise.all(Array.from({ length: 3 }, () => startPostgres(SMALL)));
  try {
    expect(new Set(servers.map(({ port }) => port)).size).toBe(3);
    for (const { adminUrl, port } of servers) {
      const client = new pg.Client({ connectionString: adminUrl });
      await client.connect();
      expect((await client.query<{ port: string }>("select current_setting('port') as port")).rows).toEqual([
        { port: String(port) },
      ]);
      await client.end();
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
});

// startPostgres and startKafka recognize a taken port by these messages
it('PostgreSQL reports that its address is in use', async () => {
  const stranger = await openDoor();
  await expect(startPostgres({ ...SMALL, port: portOf(stranger) })).rejects.toThrow(/address already in use/i);
  stranger.close();
});

if (brokersUnderTest().includes('kafka')) {
  it('Kafka reports that its address is in use, and never mistakes the broker there for its own', async () => {
    const stranger = await startKafka();
    try {
      await expect(startKafka({ port: stranger.port })).rejects.toThrow(/address already in use/i);
    } finally {
      await stranger.stop();
    }
  });
}
