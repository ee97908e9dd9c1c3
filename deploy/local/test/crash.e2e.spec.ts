import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitGone } from '#libs/servers';
import { expectInvariants } from '#libs/testing';
import { projectRoot } from '../network/root.js';
import { readOrders } from '../replay/orders.js';
import { Client } from './client.js';
import { declinedConversion } from './declined-conversion.js';
import { LocalNetwork } from './local-network.js';
import { restoreDrill } from './restore-drill.js';

const ORDERS = 800;

/** `npm run replay` in a separate process. */
function replay(
  network: LocalNetwork,
  file: string,
  ...more: string[]
): { done: Promise<{ code: number | null; output: string }>; output: () => string } {
  const child = spawn(
    process.execPath,
    ['dist/deploy/local/replay.js', '--orders', file, '--network', network.file, '--concurrency', '32', ...more],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  return { output: () => output, done: new Promise((end) => child.once('close', (code) => end({ code, output }))) };
}

describe('a network killed in the middle of a replay', () => {
  let network: LocalNetwork;
  let file: string;

  beforeAll(async () => {
    network = await LocalNetwork.start('postgres');
    file = join(network.dataDir, 'orders.csv');
    const orders = (await readOrders(join(projectRoot(), 'deploy/local/data/order_lines.csv.gz'))).slice(0, ORDERS);
    const rows = orders.flatMap((order) =>
      order.lines.map((line) =>
        [
          order.id,
          order.brand,
          order.store,
          order.household,
          order.placedAt,
          line.sku,
          JSON.stringify(line.category),
          line.quantity,
          line.net,
          0,
        ].join(','),
      ),
    );
    writeFileSync(
      file,
      `order_id,brand,store_id,household_id,placed_at,product_id,category,quantity,net_cents,discount_cents\n${rows.join('\n')}\n`,
    );
  }, 180_000);
  afterAll(() => network?.destroy());

  it('loses and duplicates nothing when the whole network and PostgreSQL are killed', async () => {
    const running = replay(network, file);
    while (!/orders \d/.test(running.output())) await sleep(20);
    await network.kill('postgres');
    await sleep(500);
    await network.up();
    const { code, output } = await running.done;
    expect(output).toMatch(/does not answer/);
    expect(output).not.toMatch(/DIFFERS/);
    expect([code, output]).toEqual([0, output]);
  }, 300_000);

  it('refuses to redeem points in real time, in one sentence and before it changes anything', async () => {
    expect(await replay(network, file, '--redeem').done).toEqual({
      code: 1,
      output:
        '\nreplay stopped: --redeem needs a sandbox whose test clock stands at the time of the orders, and this network runs in real time\n',
    });
  }, 60_000);

  it('gives the same answers after PostgreSQL alone was killed, without a restart', async () => {
    await network.started();
    process.kill(network.postmaster, 'SIGKILL');
    const { code, output } = await replay(network, file).done;
    expect([code, output]).toEqual([0, expect.stringContaining(`${ORDERS} of them known before`)]);
  }, 300_000);

  declinedConversion(() => network);
  restoreDrill(() => network);

  it('balances at the end, and leaves no process behind', async () => {
    const { sandbox, postmaster, pid } = network;
    await expectInvariants(network.gateway, await new Client(sandbox, sandbox.operator).bearer());
    expect(await network.stop()).toBe(0);
    expect([await waitGone(pid, 1_000), await waitGone(postmaster, 1_000)]).toEqual([true, true]);
  });
});
