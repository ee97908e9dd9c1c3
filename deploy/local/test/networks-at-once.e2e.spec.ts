import { LocalNetwork } from './local-network.js';

const NETWORKS = 3;

it('several networks started together are separate', async () => {
  const networks = await Promise.allSettled(Array.from({ length: NETWORKS }, () => LocalNetwork.start('postgres')));
  const up = networks.flatMap((network) => (network.status === 'fulfilled' ? [network.value] : []));
  try {
    expect(networks.map(({ status }) => status)).toEqual(Array.from({ length: NETWORKS }, () => 'fulfilled'));
    const ports = up.flatMap(({ sandbox }) => Object.values(sandbox.services));
    expect(new Set(ports).size).toBe(ports.length);
    for (const { sandbox } of up) {
      const { clientId, clientSecret } = sandbox.operator;
      for (const other of up) {
        const answer = await fetch(`${other.gateway}/oauth/token`, {
          method: 'POST',
          headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
          body: new URLSearchParams({ grant_type: 'client_credentials' }),
        });
        expect(answer.status).toBe(other.sandbox.gateway === sandbox.gateway ? 200 : 401);
      }
    }
  } finally {
    await Promise.all(up.map((network) => network.destroy()));
  }
}, 600_000);
