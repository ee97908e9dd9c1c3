/**
 * `npm run replay -- --orders FILE`: sends every order of a file through the public API of a running network and checks the points it
 * earned.
 */
import { Command, InvalidArgumentError } from 'commander';
import { resolve } from 'node:path';
import { readSandboxFile } from './network/sandbox-file.js';
import { Api } from './replay/api.js';
import { readOrders } from './replay/orders.js';
import { replayOrders } from './replay/replay-orders.js';

interface Options {
  orders: string;
  network: string;
  concurrency: number;
  redeem: boolean;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_024)
    throw new InvalidArgumentError('a whole number from 1 to 1024');
  return value;
}

const options = new Command('replay')
  .requiredOption('--orders <file>', 'order lines, .csv or .csv.gz, in the format of deploy/local/data/README.md')
  .option('--network <file>', 'written by npm start', '.hezong/sandbox.json')
  .option('--concurrency <n>', 'calls under way at once', count, 64)
  .option('--redeem', 'every sixth visit also pays with points', false)
  .parse()
  .opts<Options>();

async function main(): Promise<number> {
  const file = resolve(options.network);
  const sandbox = readSandboxFile(file);
  if (sandbox === null)
    throw new Error(`${file} is missing: is the network running? "npm start" writes it, --network names another`);
  const orders = await readOrders(resolve(options.orders));
  const api = new Api(sandbox, { connections: options.concurrency, onOutage: (text) => console.error(`\n${text}`) });
  try {
    return await replayOrders(api, file, sandbox, orders, { concurrency: options.concurrency, redeem: options.redeem });
  } finally {
    await api.close();
  }
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(`\nreplay stopped: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  },
);
