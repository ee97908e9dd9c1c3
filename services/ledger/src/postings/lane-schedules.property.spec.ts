import fc from 'fast-check';
import { DatabaseError } from 'pg';
import { isDomainError } from '#libs/kernel';
import { LostConnection, NoConnection } from './item.js';
import type { BatchKind, BatchRunner, Item, OutcomeRow } from './item.js';
import { Lane, LargeWallets } from './lane.js';
import type { PostingOutcome } from './posting.js';

const CALLS = 24;
const WALLETS = 5;

/** mulberry32 */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const refusal = (code: string): Error => Object.assign(new DatabaseError('no', 2, 'error'), { code });

async function turns(n: number): Promise<void> {
  for (let turn = 0; turn < n; turn += 1) await new Promise((next) => setImmediate(next));
}

/** A database that processes each key once; its answers come late, get lost, or the batch never arrives. */
class UnsteadyDatabase implements BatchRunner {
  readonly done = new Map<string, string>();
  calm = false;

  constructor(private readonly random: () => number) {}

  async run(_kind: BatchKind, items: readonly Item[]): Promise<readonly OutcomeRow[]> {
    if (new Set(items.map(({ walletId }) => walletId)).size < items.length) throw new Error('a wallet twice');
    if (new Set(items.map(({ key }) => key)).size < items.length) throw new Error('a key twice');
    const fate = this.calm ? 1 : this.random();
    await turns(Math.floor(this.random() * 4));
    if (fate < 0.1) throw new NoConnection();
    if (fate < 0.2) throw new LostConnection();
    if (fate < 0.3) throw refusal('40P01');
    if (fate < 0.35) throw refusal('55P03');
    if (fate < 0.4) throw refusal('57014');
    const rows = items.map((item, n) => this.row(item, n));
    if (fate < 0.6) throw new LostConnection();
    await turns(Math.floor(this.random() * 4));
    return rows;
  }

  locked(wallets: readonly string[]): Promise<readonly string[]> {
    return Promise.resolve(this.calm ? [] : wallets.filter(() => this.random() < 0.3));
  }

  large(wallets: readonly string[]): Promise<readonly string[]> {
    return Promise.resolve(wallets.filter((wallet) => wallet < 'w2'));
  }

  private row(item: Item, n: number): OutcomeRow {
    const replayed = this.done.has(item.key);
    if (!replayed) this.done.set(item.key, `posting of ${item.key}`);
    return {
      n,
      verdict: 'created',
      replayed,
      decline: null,
      decline_limit: null,
      result: null,
      balance: 1n,
      held: 0n,
      pending: 0n,
      debt: 0n,
      detail: null,
      subject_id: item.key,
      posting_id: this.done.get(item.key) ?? '',
      posted_at: new Date(0),
    };
  }
}

/** The answers to a caller of one key: for each attempt the answer, and whether the key was in the database then. */
interface Told {
  readonly code: string;
  readonly there: boolean;
}

async function schedule(seed: number): Promise<void> {
  const random = chance(seed);
  const db = new UnsteadyDatabase(random);
  let time = 0;
  const passing = async (ms: number): Promise<void> => {
    await turns(1);
    time += ms;
  };
  const world = { now: () => time, sleep: passing, pause: passing, random, committed: () => undefined };
  const slow = new Lane(db, world, 8);
  const large = new LargeWallets(slow);
  const lanes = [new Lane(db, world, 8, large), new Lane(db, world, 8, large)];
  const put = (key: string, walletId: string): Promise<PostingOutcome> =>
    new Promise((resolve, reject) => {
      lanes[random() < 0.5 ? 0 : 1]?.enqueue({
        kind: 'accrue',
        walletId,
        key,
        transportKey: null,
        postedAt: new Date(0),
        common: {},
        own: {},
        lots: [],
        terms: [],
        result: { key },
        deadline: time + 1_000,
        resolve,
        reject,
      });
    });
  const caller = async (n: number): Promise<Told[]> => {
    const key = `k${n}`;
    const told: Told[] = [];
    await turns(Math.floor(random() * 20));
    for (let attempt = 0; ; attempt += 1) {
      if (attempt > 30) db.calm = true;
      try {
        const outcome = await put(key, `w${n % WALLETS}`);
        expect(outcome.subjectId).toBe(key);
        return [...told, { code: 'done', there: db.done.has(key) }];
      } catch (error) {
        if (!isDomainError(error)) throw error;
        told.push({ code: error.code, there: db.done.has(key) });
        await turns(1 + Math.floor(random() * 3));
      }
    }
  };
  const all = await Promise.all(Array.from({ length: CALLS }, (_, n) => caller(n)));
  await Promise.all(lanes.map((lane) => lane.drained()));
  await slow.drained();
  expect([...db.done.keys()].sort()).toEqual(all.map((_, n) => `k${n}`).sort());
  for (const told of all) {
    expect(told.at(-1)).toEqual({ code: 'done', there: true });
    const unsure = told.findIndex(({ code }) => code === 'outcome_unknown');
    const certain = told.slice(0, unsure < 0 ? told.length - 1 : unsure);
    // a caller that was told nothing was done, and never had an unknown outcome, was told the truth
    expect(certain.filter(({ there }) => there)).toEqual([]);
  }
  expect([...lanes, slow].map(({ depth }) => depth)).toEqual([0, 0, 0]);
}

it('answers every caller, does everything once, and never reports a done item as not done, whatever the order or loss of answers', async () => {
  await fc.assert(fc.asyncProperty(fc.integer(), schedule), { numRuns: 100 });
}, 60_000);
