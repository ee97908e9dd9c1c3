/** Separate process: fills the sandbox through the public API, day by day, and reports its progress to its parent. */
import type { HezongClient } from '#libs/sdk';
import { clientOf } from '../network/client.js';
import { Api } from '../replay/api.js';
import { byHousehold } from '../replay/by-household.js';
import { readOrders, type Order } from '../replay/orders.js';
import { credentialsOf, readSandboxFile, type Credentials } from '../network/sandbox-file.js';
import { apart } from './apart.js';
import { ensureAlliance, storesOf } from './build-alliance.js';
import { closeCycle } from './cycles.js';
import { Members } from './members.js';
import { emptyTally, Player, type Tally } from './player.js';
import { ensureReferrals } from './referrals.js';
import { readState, writeState, type SandboxState } from './state.js';
import { tellStory, weeksToShift, type Day } from './story.js';
import { ensureLadder } from './tiers.js';

const CONCURRENCY = 64;
const WEEK = 7 * 86_400_000;

/** Messages to the parent. */
export interface Progress {
  day?: string;
  done: number;
  total: number;
  note?: string;
  finished?: Summary;
  failed?: string;
}

export interface Summary {
  from: string;
  to: string;
  members: number;
  orders: number;
  returns: number;
  redemptions: number;
  voids: number;
  givenBack: number;
  referred: number;
  bonus: number;
  calls: number;
  seconds: number;
  closed: string[];
  mismatches: string[];
}

function tell(progress: Progress): void {
  if (process.send !== undefined) process.send(progress);
  else console.log(JSON.stringify(progress));
}

function firstVisits(orders: readonly Order[], weeks: number): Map<string, Date> {
  const since = new Map<string, Date>();
  for (const order of orders) {
    const key = `${order.brand} ${order.household}`;
    const at = new Date(Date.parse(order.placedAt) + weeks * WEEK);
    const known = since.get(key);
    if (known === undefined || at < known) since.set(key, at);
  }
  return since;
}

const monthOf = (date: string): string => date.slice(0, 7);

/** A month's cycle is closed on the third day of the next one. */
async function closeWhatIsOver(
  operator: HezongClient,
  days: readonly Day[],
  day: Day,
  state: SandboxState,
): Promise<void> {
  if (Number(day.date.slice(8)) < 3) return;
  const over = [...new Set(days.map((other) => monthOf(other.date)))].filter(
    (month) => month < monthOf(day.date) && !state.closed.includes(month),
  );
  for (const month of over) {
    tell({ done: 0, total: 0, note: `closing the cycle of ${month}` });
    if (await closeCycle(operator, month)) state.closed.push(month);
  }
}

async function main(file: string, stateFile: string, dataFile: string, today: string): Promise<void> {
  const sandbox = readSandboxFile(file);
  if (sandbox === null) throw new Error(`${file} is missing`);
  const orders = apart(await readOrders(dataFile));
  const state: SandboxState = readState(stateFile) ?? {
    weeks: weeksToShift(orders, new Date(today)),
    lastDay: null,
    closed: [],
    done: false,
  };
  writeState(stateFile, state);
  const days = tellStory(orders, state.weeks);
  const began = performance.now();
  const api = new Api(sandbox, { connections: CONCURRENCY, onOutage: (note) => tell({ done: 0, total: 0, note }) });
  const operator = clientOf(sandbox, sandbox.operator);
  const setClock = (now: Date): Promise<unknown> =>
    operator.testClock.set({ body: { now: now.toISOString() }, meta: { repeatable: true } });
  const first = days[0];
  if (first !== undefined && state.lastDay === null)
    await setClock(new Date(first.clock.getTime() - 86_400_000 + 1_000));
  const alliance = await ensureAlliance(operator, file, sandbox, storesOf(orders));
  const credentials = (brand: string): Credentials => credentialsOf(alliance, brand);
  const tally: Tally = emptyTally();
  const members = new Members(api, credentials);
  const since = firstVisits(orders, state.weeks);
  await ensureLadder(operator);
  // Members join at their first order: those of the first day can have links from its end.
  if (first !== undefined && state.lastDay === null) await setClock(first.clock);
  const codes = await ensureReferrals(
    operator,
    clientOf(sandbox, sandbox.operator.second),
    (brand) => clientOf(sandbox, credentials(brand)),
    first,
    (brand, household) => members.ref(brand, household, since.get(`${brand} ${household}`) ?? new Date(0)),
  );
  const player = new Player(api, credentials, members, since, tally, (visit) => codes.of(visit));
  const total = days.reduce((sum, day) => sum + day.steps.length, 0);
  let done = 0;
  for (const day of days) {
    if (state.lastDay === null || day.date > state.lastDay) {
      await setClock(day.clock);
      await closeWhatIsOver(operator, days, day, state);
      await byHousehold(day.steps, CONCURRENCY, (step) => player.play(step));
      state.lastDay = day.date;
      writeState(stateFile, state);
    }
    done += day.steps.length;
    tell({ day: day.date, done, total });
  }
  await operator.testClock.release();
  state.done = true;
  writeState(stateFile, state);
  tell({
    done,
    total,
    finished: {
      from: days[0]?.date ?? '',
      to: days.at(-1)?.date ?? '',
      members: members.count,
      orders: tally.orders,
      returns: tally.returns,
      redemptions: tally.redemptions,
      voids: tally.voids,
      givenBack: tally.givenBack,
      referred: tally.referred,
      bonus: tally.bonus,
      calls: api.calls,
      seconds: (performance.now() - began) / 1_000,
      closed: state.closed,
      mismatches: tally.mismatches,
    },
  });
  await api.close();
}

const [file = '', stateFile = '', dataFile = '', today = ''] = process.argv.slice(2);
/* eslint-disable @typescript-eslint/no-unnecessary-condition -- absent when it runs without a parent */
// The parent is gone, so there is no receiver.
process.once('disconnect', () => process.exit(1));
main(file, stateFile, dataFile, today).then(
  () => process.disconnect?.(),
  (error: unknown) => {
    tell({ done: 0, total: 0, failed: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
    process.disconnect?.();
  },
);
