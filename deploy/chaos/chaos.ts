/**
 * `npm run test:chaos`: a network of processes, two of every service, with a real PostgreSQL and a real Kafka. Tills move points while
 * servers and services are killed, suspended and lose their connections; meanwhile a referral runs and a cycle is cut off and frozen. At
 * the end one checker compares all books with the answers that the tills got. The seed determines which faults occur and when.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { byTwo } from '../local/network/by-two.js';
import { clientOf } from '../local/network/client.js';
import { credentialsOf } from '../local/network/sandbox-file.js';
import type { Credentials, SandboxFile } from '../local/network/sandbox-file.js';
import { ALLIANCE, VALID_FROM } from '../local/sandbox/alliance.js';
import { ensureAlliance } from '../local/sandbox/build-alliance.js';
import { Chance } from './chance.js';
import { check, months } from './checker.js';
import { faultsOf } from './faults.js';
import { roll } from './roll.js';
import { Stage } from './stage.js';
import { Tills, type Referral } from './tills.js';

/** Time limit of a whole run, including set-up and checks. */
const LIMIT_MS = { long: 15 * 60_000, short: 240_000 };
/** Part of that time with faults. */
const FIRE_MS = { long: 5 * 60_000, short: 10_000 };
/** Time limit of the clean-up. */
const END_MS = 8_000;
/** Faults that occur in every run, however slow the machine is. */
const LEAST_FAULTS = 4;

const options = new Command('test:chaos')
  .description(
    'moves points while servers and services fail, and compares all books with the answers that the tills received',
  )
  .option('--seed <n>', 'seed of the faults and their times; default: random')
  .option('--seconds <n>', 'duration of the faults in seconds')
  .option('--limit <n>', 'limit of the whole run in seconds')
  .option('--short', 'a short run, in two processes that each hold all services', false)
  .option('--keep', 'keep logs and data', false)
  .parse()
  .opts<{ seed?: string; seconds?: string; limit?: string; short: boolean; keep: boolean }>();

const length = options.short ? 'short' : 'long';
const seed = options.seed === undefined ? randomInt(2 ** 31) : Number(options.seed);
const fireMs = options.seconds === undefined ? FIRE_MS[length] : Number(options.seconds) * 1_000;
const limitMs = options.limit === undefined ? LIMIT_MS[length] : Number(options.limit) * 1_000;
const began = performance.now();
const say = (text: string): void =>
  console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${text}`);
const replay = `npm run test:chaos -- --seed ${seed}${options.short ? ' --short' : ''}${options.seconds === undefined ? '' : ` --seconds ${options.seconds}`}`;

const stage = Stage.make({ shared: options.short, say });

async function main(): Promise<void> {
  say(`seed ${seed}`);
  const chance = new Chance(seed);
  await stage.build();
  say(`${stage.processes.size} processes ready`);
  const [sandbox] = stage.sandboxes;
  if (sandbox === undefined) throw new Error('no gateway');
  const operator = clientOf(sandbox, sandbox.operator);
  const stores = new Map(ALLIANCE.map(({ slug }) => [slug, [`${slug}-1`]]));
  const alliance = await ensureAlliance(operator, stage.file, sandbox, stores);
  const credentials = (brand: string): Credentials => credentialsOf(alliance, brand);
  const tills = new Tills(stage.sandboxes, credentials, chance.fork(), `x${seed.toString(36)}`);
  await tills.open();
  tills.referral = await referral(sandbox, credentials);
  say('an alliance, members with points, a referral');

  let failure: unknown;
  const working = tills.work(options.short ? 8 : 16).catch((error: unknown) => {
    failure ??= error;
    tills.stop();
  });
  await roll(stage, tills, say).catch((error: unknown) => {
    throw failure ?? error;
  });
  const freezing = freeze(sandbox).catch((error: unknown) => void (failure ??= error));
  const faults = faultsOf({ stage, chance: chance.fork(), answered: () => tills.books.answered, say });
  let done = 0;
  for (
    const end = performance.now() + fireMs;
    (performance.now() < end || done < LEAST_FAULTS) && failure === undefined;
    done += 1
  ) {
    const { value: fault } = faults.next() as { value: { name: string; run(): Promise<void> } };
    say(fault.name);
    await fault.run();
    await sleep(chance.between(200, options.short ? 700 : 2_500));
  }
  tills.stop();
  await working;
  say('the tills have stopped');
  for (const process of stage.processes.values()) await process.ready();
  await freezing;
  if (failure !== undefined) throw failure as Error;
  await check(stage, tills, credentials, say);
  await tills.close();
}

/** A seller that pays commission for orders with another brand's code. */
async function referral(sandbox: SandboxFile, credentials: (brand: string) => Credentials): Promise<Referral> {
  const operator = clientOf(sandbox, sandbox.operator);
  const [seller, promoter] = ['fresh', 'grocery'] as const;
  const programme = { contributorBp: 200, returnDays: 7, conversionPrice: '1.05', validFrom: VALID_FROM };
  const second = clientOf(sandbox, sandbox.operator.second);
  await byTwo(second, () => operator.programmes.add({ body: programme }));
  // no share for the buyer: the tills would not know of these points
  const split = { contributor: 300, distributor: 600, operator: 100 };
  const { id } = await clientOf(sandbox, credentials(seller)).offers.publish({
    body: { name: 'chaos', poolBp: 1_000, split, targets: ['fresh.example'], returnDays: 7, validFrom: VALID_FROM },
  });
  const { offers, links } = clientOf(sandbox, credentials(promoter));
  await offers.pick({ path: { id }, body: { campaign: 'chaos' } });
  const { code } = await links.make({
    body: { offerId: id, campaign: 'chaos', owner: { kind: 'brand' }, target: 'https://fresh.example/' },
  });
  return { seller, code };
}

/** Cuts off and freezes the current cycle during the faults, as soon as all its events have arrived. */
async function freeze(sandbox: SandboxFile): Promise<void> {
  await sleep(fireMs / 3);
  const operator = clientOf(sandbox, sandbox.operator);
  const path = { cycle: months()[1] ?? '' };
  await operator.operatorCycles.cutOff({ path });
  say(`cycle ${path.cycle} is cut off`);
  for (const end = performance.now() + fireMs + 240_000; ; await sleep(500)) {
    try {
      await operator.operatorCycles.freeze({ path });
      break;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
  say(`cycle ${path.cycle} is frozen`);
}

function logsOfTheDead(): string {
  return [...stage.processes.values()]
    .map(({ name, running, logFile }) => {
      const tail = (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
        .split('\n')
        .filter((line) => !line.includes('"level":"warn"'))
        .slice(-4)
        .join('\n');
      return tail === '' ? '' : `--- ${name}${running ? '' : ' (ended)'}\n${tail.slice(0, 2_000)}`;
    })
    .join('\n');
}

let ending = false;

/** Ends everything that was started, even if it hangs, and this process with it. */
async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  stage.kill();
  setTimeout(() => process.exit(code), END_MS);
  await stage.end(options.keep).catch((error: unknown) => console.error(error));
  process.exit(code);
}

async function fail(error: unknown): Promise<void> {
  if (ending) return;
  console.error(error);
  console.error(logsOfTheDead());
  console.error(`\nto repeat it: ${replay}`);
  await end(1);
}

setTimeout(() => void fail(new Error(`it took longer than ${limitMs / 1_000} s`)), limitMs);
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(name, () => void end(code));
try {
  await main();
  await end(0);
} catch (error) {
  await fail(error);
}
