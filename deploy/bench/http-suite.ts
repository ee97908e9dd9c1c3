import { randomInt } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import { systemNow, uuidv7 } from '#libs/kernel';
import { HezongClient } from '#libs/sdk';
import type { CreateContractBody } from '#libs/sdk';
import { freePort } from '#libs/servers';
import { byTwo } from '../local/network/by-two.js';
import type { SandboxFile } from '../local/network/sandbox-file.js';
import { drive } from './cases.js';
import type { BenchContext, BenchSuite } from './cases.js';

const CONNECTIONS = 64;
const MEMBERS = 2_000;
const BRAND = 'bench';
const STARTS_IN_MS = 120_000;

/** A network of a checkout in its own process, as `npm start -- --empty` runs it. */
async function startNetwork(
  adminUrl: string,
  data: string,
  directory: string,
): Promise<{ sandbox: SandboxFile; stop(): Promise<void> }> {
  const port = await freePort();
  const start = ['--max-semi-space-size=64', 'dist/deploy/local/start.js'];
  const child = spawn(
    process.execPath,
    [...start, '--empty', '--broker', 'postgres', '--data', data, '--port', String(port)],
    { cwd: directory, env: { ...process.env, DATABASE_URL: adminUrl }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  for (const end = performance.now() + STARTS_IN_MS; performance.now() < end; await sleep(100)) {
    if (child.exitCode !== null) throw new Error('the network did not start');
    const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => null);
    if (answer?.status !== 200) continue;
    return { sandbox: JSON.parse(await readFile(join(data, 'sandbox.json'), 'utf8')) as SandboxFile, stop };
  }
  await stop();
  throw new Error('the network was not ready in time');
}

/** Creates a live brand with a contract, a rule and members; returns its token and the memberRefs. */
async function alliance(sandbox: SandboxFile): Promise<{ token: string; members: string[] }> {
  const operator = new HezongClient({ gateway: sandbox.gateway, ...sandbox.operator });
  const began = new Date(systemNow().getTime() - 86_400_000).toISOString();
  await operator.brands.create({
    body: { slug: BRAND, name: 'Bench', legalEntity: { id: 'le-bench', name: 'Bench' }, currency: 'CNY', stores: [] },
  });
  await operator.brands.setStatus({ path: { slug: BRAND }, body: { status: 'live' } });
  const contract: CreateContractBody = {
    validFrom: began,
    validTo: null,
    roles: ['issuer', 'redeemer'],
    fundingMode: 'pay_at_redemption',
    currency: 'CNY',
    prices: { accrual: '1.05', reimbursement: '0.90', operatorFee: '0.15' },
    faceValue: '1.00',
    cycle: 'monthly',
  };
  const second = new HezongClient({ gateway: sandbox.gateway, ...sandbox.operator.second });
  await byTwo(second, () => operator.contracts.create({ path: { slug: BRAND }, body: contract }));
  await operator.earningRules.add({
    body: {
      brand: BRAND,
      name: 'base',
      validFrom: began,
      validTo: null,
      match: { stores: [], categories: [], excludeCategories: [], tiers: [] },
      earn: { points: 1, per: 100 },
      rounding: 'floor',
      pendingDays: 0,
      expiry: { kind: 'rolling', months: 12, roundTo: 'month' },
    },
  });
  const credentials = await operator.clients.create({ path: { slug: BRAND }, body: { name: 'till' } });
  const { clientId, clientSecret } = credentials;
  if (clientSecret === null) throw new Error('a new client shows its secret');
  const brand = new HezongClient({ gateway: sandbox.gateway, clientId, clientSecret });
  const consents = [{ purpose: 'join_pool' as const, granted: true, policyVersion: '1', channel: 'bench', at: began }];
  const members: string[] = [];
  for (let from = 0; from < MEMBERS; from += CONNECTIONS) {
    const batch = Array.from({ length: Math.min(CONNECTIONS, MEMBERS - from) }, (_, n) => from + n);
    const made = await Promise.all(
      batch.map((n) =>
        brand.members.contribute({ body: { externalId: `m-${n}`, email: `bench-${n}@example.com`, consents } }),
      ),
    );
    members.push(...made.map(({ memberRef }) => memberRef));
  }
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  const answer = await fetch(sandbox.tokenUrl, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  return { token, members };
}

/** Waits for 201 and reads the answer with little work, because the generator shares the cores with the measured network. */
class Sale implements Dispatcher.DispatchHandler {
  private status = 0;
  private text = '';

  constructor(
    private readonly done: () => void,
    private readonly failed: (error: Error) => void,
  ) {}

  onRequestStart(): void {
    this.text = '';
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.text += chunk.toString();
  }

  onResponseEnd(): void {
    if (this.status === 201) this.done();
    else this.failed(new Error(`order refused: ${this.status} ${this.text}`));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.failed(error);
  }
}

/** Sends orders one after the other to one address, each with its own effect. */
function tillAt(
  url: string,
  token: string,
  members: readonly string[],
): { sell: () => Promise<void>; close: () => Promise<void> } {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const headers = ['authorization', `Bearer ${token}`, 'content-type', 'application/json'];
  const sell = (): Promise<void> => {
    const body = JSON.stringify({
      externalId: uuidv7(),
      memberRef: members[randomInt(members.length)],
      occurredAt: systemNow().toISOString(),
      currency: 'CNY',
      lines: [{ lineId: '1', sku: 'latte', category: 'drinks', quantity: 2, net: 5600 }],
    });
    return new Promise((resolve, reject) => {
      pool.dispatch({ method: 'POST', path: '/v1/orders', headers, body }, new Sale(resolve, reject));
    });
  };
  return { sell, close: () => pool.close() };
}

/**
 * Orders over HTTP, with all other services of the network consuming in the same process.
 * @param directory checkout whose network is measured
 */
export async function httpSuite(context: BenchContext, directory = process.cwd()): Promise<BenchSuite> {
  const data = await mkdtemp(join(tmpdir(), 'hezong-bench-'));
  const network = await startNetwork(context.adminUrl, data, directory);
  const { token, members } = await alliance(network.sandbox);
  const ledger = tillAt(network.sandbox.services['ledger'] ?? '', token, members);
  const gateway = tillAt(network.sandbox.gateway, token, members);
  // afterwards every member's link is in memory, as in a running alliance
  await drive(CONNECTIONS, 5, ledger.sell);
  return {
    cases: [
      {
        name: `HTTP earn, straight to the ledger, ${CONNECTIONS} connections`,
        target: 0.6,
        stretch: 0.8,
        run: () => drive(CONNECTIONS, context.seconds, ledger.sell),
      },
      {
        name: `HTTP earn, through the gateway, ${CONNECTIONS} connections`,
        target: 0.4,
        stretch: 0.6,
        run: () => drive(CONNECTIONS, context.seconds, gateway.sell),
      },
    ],
    close: async () => {
      await Promise.all([ledger.close(), gateway.close()]);
      await network.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}
