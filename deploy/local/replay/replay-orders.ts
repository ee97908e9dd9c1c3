import { clientOf } from '../network/client.js';
import { credentialsOf } from '../network/sandbox-file.js';
import type { Credentials, SandboxFile } from '../network/sandbox-file.js';
import { ALLIANCE, brandSpec, pointsOf } from '../sandbox/alliance.js';
import { ensureAlliance, storesOf } from '../sandbox/build-alliance.js';
import { settled } from '../sandbox/cycles.js';
import { membersByRank, ranksLine } from '../sandbox/tiers.js';
import { Members } from '../sandbox/members.js';
import { emptyTally, Player } from '../sandbox/player.js';
import { tellStory } from '../sandbox/story.js';
import type { Api } from './api.js';
import { byHousehold } from './by-household.js';
import { baseOf, bonusOf, type OrderAnswer } from './order-answer.js';
import { orderBody } from './order-body.js';
import type { Order } from './orders.js';
import { Bar } from './bar.js';

/** Counting ranks reviews every member again: with many members that takes too long here. */
const MOST_RANKED = 20_000;

export interface ReplayOptions {
  concurrency: number;
  redeem: boolean;
}

interface Posted {
  earned: Map<string, number>;
  /** Points added by ranks. */
  bonus: number;
  replayed: number;
  mismatches: string[];
}

/**
 * Replays a file and reports; the exit code is 0 only when every brand issued exactly the points computed from the file. Throws before
 * the first change if points are to be redeemed in real time: the visits of the file are past by then.
 */
export async function replayOrders(
  api: Api,
  file: string,
  sandbox: SandboxFile,
  orders: readonly Order[],
  options: ReplayOptions,
): Promise<number> {
  for (const order of orders) brandSpec(order.brand);
  const operator = clientOf(sandbox, sandbox.operator);
  if (options.redeem && !(await operator.testClock.read()).frozen)
    throw new Error(
      '--redeem needs a sandbox whose test clock stands at the time of the orders, and this network runs in real time',
    );
  const alliance = await ensureAlliance(operator, file, sandbox, storesOf(orders));
  const credentials = (brand: string): Credentials => credentialsOf(alliance, brand);
  const members = new Members(api, credentials);
  const since = firstVisits(orders);
  await contribute(members, since, options.concurrency);
  const began = performance.now();
  const posted = options.redeem
    ? await playStory(api, credentials, members, since, orders, options.concurrency)
    : await postOrders(api, credentials, members, since, orders, options.concurrency);
  const seconds = (performance.now() - began) / 1_000;
  console.log(
    `\n${orders.length} orders in ${seconds.toFixed(1)} s: ${Math.round(orders.length / seconds)} orders/s, ${posted.replayed} of them known before, ${api.retries} calls repeated\n`,
  );
  const same = report(orders, posted);
  const books = await settled(operator);
  const broken = books.checks.filter((check) => !check.ok);
  console.log(
    books.ok && broken.length === 0
      ? `invariants: all ${books.checks.length} hold`
      : `invariants BROKEN: ${broken.map((check) => check.name).join(', ')}`,
  );
  if (since.size <= MOST_RANKED) {
    const ranks = await membersByRank(operator, books);
    if (ranks !== null) console.log(`${ranksLine(ranks)}; ${posted.bonus} points more for them`);
  }
  if (!books.settled) console.log('the network has not settled within a minute');
  return same && books.ok && books.settled ? 0 : 1;
}

function firstVisits(orders: readonly Order[]): Map<string, Date> {
  const since = new Map<string, Date>();
  for (const order of orders) {
    const key = `${order.brand} ${order.household}`;
    const at = new Date(order.placedAt);
    const known = since.get(key);
    if (known === undefined || at < known) since.set(key, at);
  }
  return since;
}

async function contribute(members: Members, since: ReadonlyMap<string, Date>, concurrency: number): Promise<void> {
  const bar = new Bar('members', since.size);
  const began = performance.now();
  const links = [...since].map(([key, at]) => {
    const [brand = '', household = ''] = key.split(' ');
    return { brand, household, at };
  });
  await byHousehold(links, concurrency, async ({ brand, household, at }) => {
    await members.ref(brand, household, at);
    bar.step();
  });
  bar.end();
  const people = new Set(links.map((link) => link.household)).size;
  const seconds = (performance.now() - began) / 1_000;
  console.log(`${people} members, contributed by ${since.size} links in ${seconds.toFixed(1)} s`);
}

async function postOrders(
  api: Api,
  credentials: (brand: string) => Credentials,
  members: Members,
  since: ReadonlyMap<string, Date>,
  orders: readonly Order[],
  concurrency: number,
): Promise<Posted> {
  const bar = new Bar('orders', orders.length);
  const posted: Posted = { earned: new Map(), bonus: 0, replayed: 0, mismatches: [] };
  await byHousehold(orders, concurrency, async (order) => {
    const memberRef = await members.ref(
      order.brand,
      order.household,
      since.get(`${order.brand} ${order.household}`) ?? new Date(order.placedAt),
    );
    const body = orderBody({
      externalId: order.id,
      memberRef,
      store: order.store,
      at: new Date(order.placedAt),
      lines: order.lines,
    });
    const answer = await api.call(credentials(order.brand), 'POST', '/v1/orders', body);
    if (answer.status !== 201) {
      posted.mismatches.push(`${order.id}: ${answer.status} ${JSON.stringify(answer.body)}`);
    } else {
      const answered = answer.body as OrderAnswer;
      const earned = baseOf(answered);
      posted.bonus += bonusOf(answered);
      posted.earned.set(order.brand, (posted.earned.get(order.brand) ?? 0) + earned);
      if (answer.replayed) posted.replayed += 1;
      const expected = pointsOf(brandSpec(order.brand), order.lines);
      if (earned !== expected) posted.mismatches.push(`${order.id}: earned ${earned}, the file says ${expected}`);
    }
    bar.step();
  });
  bar.end();
  return posted;
}

async function playStory(
  api: Api,
  credentials: (brand: string) => Credentials,
  members: Members,
  since: ReadonlyMap<string, Date>,
  orders: readonly Order[],
  concurrency: number,
): Promise<Posted> {
  const steps = tellStory(orders, 0, '').flatMap((day) => day.steps);
  const bar = new Bar('steps', steps.length);
  const tally = emptyTally();
  const player = new Player(api, credentials, members, since, tally);
  await byHousehold(steps, concurrency, async (step) => {
    await player.play(step);
    bar.step();
  });
  bar.end();
  return { earned: tally.earned, bonus: tally.bonus, replayed: 0, mismatches: tally.mismatches };
}

/** Points issued by brand, as answered and as computed from the file. */
function report(orders: readonly Order[], posted: Posted): boolean {
  console.log('brand        orders        net  points issued  from the file');
  let same = posted.mismatches.length === 0;
  for (const brand of ALLIANCE) {
    const own = orders.filter((order) => order.brand === brand.slug);
    const net = own.reduce((sum, order) => sum + order.lines.reduce((inner, line) => inner + line.net, 0), 0);
    const expected = own.reduce((sum, order) => sum + pointsOf(brand, order.lines), 0);
    const issued = posted.earned.get(brand.slug) ?? 0;
    if (issued !== expected) same = false;
    console.log(
      `${brand.slug.padEnd(10)} ${String(own.length).padStart(8)} ${String(net).padStart(10)} ${String(issued).padStart(14)} ${String(expected).padStart(14)} ${issued === expected ? 'same' : 'DIFFERS'}`,
    );
  }
  for (const text of posted.mismatches.slice(0, 5)) console.log(text);
  if (posted.mismatches.length > 5) console.log(`… and ${posted.mismatches.length - 5} more`);
  return same;
}
