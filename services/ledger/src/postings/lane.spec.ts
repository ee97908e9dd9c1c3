import { DatabaseError } from 'pg';
import { isDomainError } from '#libs/kernel';
import { LostConnection, NoConnection } from './item.js';
import type { BatchKind, BatchRunner, Item, OutcomeRow } from './item.js';
import { Lane, LargeWallets } from './lane.js';
import type { PostingOutcome } from './posting.js';

/** A database that records what it is sent and holds its answers until the test releases them. */
class FakeDatabase implements BatchRunner {
  readonly batches: { kind: BatchKind; keys: string[] }[] = [];
  readonly patient: string[][] = [];
  readonly many = new Set<string>();
  hold = false;
  failures: ((keys: string[]) => Error | null)[] = [];
  readonly held = new Set<string>();
  looks = 0;
  private waiting: (() => void)[] = [];

  async run(kind: BatchKind, items: readonly Item[], patient = false): Promise<readonly OutcomeRow[]> {
    const keys = items.map((item) => item.key);
    if (patient) this.patient.push(keys);
    this.batches.push({ kind, keys });
    if (this.hold) await new Promise<void>((resolve) => this.waiting.push(resolve));
    for (const failure of this.failures) {
      const error = failure(keys);
      if (error !== null) throw error;
    }
    return items.map((_, n) => ({
      n,
      verdict: 'created',
      replayed: false,
      decline: null,
      decline_limit: null,
      result: null,
      balance: 1n,
      held: 0n,
      pending: 0n,
      debt: 0n,
      detail: null,
      subject_id: 's',
      posting_id: 'p',
      posted_at: new Date(0),
    }));
  }

  locked(wallets: readonly string[]): Promise<readonly string[]> {
    this.looks += 1;
    return Promise.resolve(wallets.filter((wallet) => this.held.has(wallet)));
  }

  large(wallets: readonly string[]): Promise<readonly string[]> {
    return Promise.resolve(wallets.filter((wallet) => this.many.has(wallet)));
  }

  release(): void {
    this.hold = false;
    for (const go of this.waiting.splice(0)) go();
  }
}

function failing(state: string): Error {
  const error = new DatabaseError('no', 2, 'error');
  error.code = state;
  return error;
}

describe('a lane', () => {
  let db: FakeDatabase;
  let slow: FakeDatabase;
  let lane: Lane;
  let time: number;
  let slept: number;
  let commits: number;

  beforeEach(() => {
    db = new FakeDatabase();
    time = 1_000;
    slept = 0;
    commits = 0;
    const world = {
      now: () => time,
      sleep: (ms: number) => {
        slept += ms;
        return Promise.resolve();
      },
      pause: (ms: number) => {
        time += ms;
        return Promise.resolve();
      },
      random: () => 0.5,
      committed: () => (commits += 1),
    };
    slow = new FakeDatabase();
    lane = new Lane(db, world, 300, new LargeWallets(new Lane(slow, world, 300)));
  });

  const put = (key: string, extra: Partial<Item> = {}): Promise<PostingOutcome> =>
    new Promise((resolve, reject) => {
      lane.enqueue({
        kind: 'accrue',
        walletId: key,
        key,
        transportKey: null,
        postedAt: new Date(0),
        common: {},
        own: {},
        lots: [],
        terms: [],
        result: { key },
        deadline: 2_000,
        resolve,
        reject,
        ...extra,
      });
    });
  const codeOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'done',
      (error: unknown) => (isDomainError(error) ? error.code : String(error)),
    );
  const turn = async (): Promise<void> => {
    for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  it('has no wallet twice in a batch, on either side of a transfer', async () => {
    db.hold = true;
    const first = put('a');
    await turn();
    const between = (key: string, walletId: string, otherWalletId: string): Promise<PostingOutcome> =>
      put(key, { kind: 'transfer', walletId, otherWalletId });
    const rest = [between('1', 'v', 'w'), between('2', 'w', 'x'), between('3', 'x', 'v'), between('4', 'y', 'z')];
    await turn();
    db.release();
    await Promise.all([first, ...rest]);
    expect(db.batches.map(({ keys }) => keys)).toEqual([['a'], ['1', '4'], ['2'], ['3']]);
  });

  it('sends immediately when free, and everything that came meanwhile as one batch', async () => {
    db.hold = true;
    const first = put('a');
    await turn();
    const rest = [put('b'), put('c'), put('d')];
    await turn();
    expect(db.batches.map((batch) => batch.keys)).toEqual([['a']]);
    db.release();
    await Promise.all([first, ...rest]);
    expect(db.batches.map((batch) => batch.keys)).toEqual([['a'], ['b', 'c', 'd']]);
    expect(commits).toBe(2);
  });

  it('answers no caller before the batch is committed', async () => {
    db.hold = true;
    let answered = false;
    const one = put('a').then(() => (answered = true));
    await turn();
    expect(answered).toBe(false);
    db.release();
    await one;
  });

  it('never puts a wallet twice, a key twice or two kinds into one batch, and keeps the order of the rest', async () => {
    await Promise.all([
      put('a'),
      put('b', { walletId: 'a' }),
      put('a', { walletId: 'z' }),
      put('c', { kind: 'capture' }),
      put('d'),
      put('e', { transportKey: 't' }),
      put('f', { transportKey: 't' }),
    ]);
    expect(db.batches).toEqual([
      { kind: 'accrue', keys: ['a', 'd', 'e'] },
      { kind: 'accrue', keys: ['b', 'a', 'f'] },
      { kind: 'capture', keys: ['c'] },
    ]);
  });

  it('sends at most 200 items together', async () => {
    await Promise.all(Array.from({ length: 250 }, (_, n) => put(`k${n}`)));
    expect(db.batches.map((batch) => batch.keys.length)).toEqual([200, 50]);
  });

  it('refuses items that do not fit into the queue', async () => {
    db.hold = true;
    const all = Array.from({ length: 302 }, (_, n) => codeOf(put(`k${n}`)));
    await turn();
    db.release();
    const codes = await Promise.all(all);
    expect(codes.filter((code) => code === 'queue_full')).toHaveLength(2);
    expect(codes.filter((code) => code === 'done')).toHaveLength(300);
  });

  it('drops items that waited beyond their deadline, and never sends them', async () => {
    db.hold = true;
    const first = put('a');
    await turn();
    const late = codeOf(put('late'));
    time = 5_000;
    db.release();
    expect(await late).toBe('queue_full');
    await first;
    expect(db.batches.flatMap((batch) => batch.keys)).toEqual(['a']);
  });

  it('repeats a failed batch item by item, so that a poisoned item fails alone', async () => {
    db.failures.push((keys) => (keys.includes('poison') ? failing('22003') : null));
    const codes = await Promise.all([codeOf(put('a')), codeOf(put('poison')), codeOf(put('b'))]);
    expect(codes[0]).toBe('done');
    expect(codes[1]).toContain('no');
    expect(codes[2]).toBe('done');
    expect(db.batches.map((batch) => batch.keys)).toEqual([['a', 'poison', 'b'], ['a'], ['poison'], ['b']]);
  });

  it.each(['40001', '40P01'])('retries after %s, with growing pauses', async (state) => {
    let times = 2;
    db.failures.push(() => (times-- > 0 ? failing(state) : null));
    expect(await codeOf(put('a'))).toBe('done');
    expect(db.batches).toHaveLength(3);
    expect(slept).toBe(15 + 30);
  });

  it('sets a locked wallet aside at the first time-out, with later items for it, and sends all in order once it is free', async () => {
    db.held.add('x');
    db.failures.push((keys) => (keys.some((key) => key.startsWith('x')) && db.held.has('x') ? failing('55P03') : null));
    const stuck = put('x1', { walletId: 'x' });
    const [a, b] = [put('a'), put('b')];
    await Promise.all([a, b]);
    expect(db.batches.map(({ keys }) => keys)).toEqual([
      ['x1', 'a', 'b'],
      ['a', 'b'],
    ]);
    const more = put('x2', { walletId: 'x' });
    await put('c');
    expect(db.batches.slice(2).map(({ keys }) => keys)).toEqual([['c']]);
    db.held.clear();
    await Promise.all([stuck, more]);
    expect(db.batches.slice(3).map(({ keys }) => keys)).toEqual([['x1'], ['x2']]);
    expect(lane.depth).toBe(0);
  });

  it('refuses items for a locked wallet at the caller’s deadline, and reports that nothing was done', async () => {
    db.held.add('x');
    db.failures.push((keys) => (keys.includes('x') ? failing('55P03') : null));
    expect(await codeOf(put('x', { deadline: 1_700 }))).toBe('unavailable');
    expect(time).toBe(1_700);
    expect(db.batches).toHaveLength(1);
    expect(db.looks).toBeLessThan(10);
  });

  it('goes item by item if the lock was not that of a wallet', async () => {
    let times = 1;
    db.failures.push(() => (times-- > 0 ? failing('55P03') : null));
    await Promise.all([put('a'), put('b')]);
    expect(db.batches.map(({ keys }) => keys)).toEqual([['a', 'b'], ['a'], ['b']]);
  });

  it('moves a large wallet that takes too long to the lane for large wallets, with all later items for it, and repeats the rest', async () => {
    db.many.add('x');
    db.failures.push((keys) => (keys.some((key) => key.startsWith('x')) ? failing('57014') : null));
    slow.hold = true;
    const large = put('x1', { walletId: 'x' });
    await Promise.all([put('a'), put('b')]);
    expect(db.batches.map(({ keys }) => keys)).toEqual([
      ['x1', 'a', 'b'],
      ['a', 'b'],
    ]);
    expect(db.patient).toEqual([['a', 'b']]);
    const more = put('x2', { walletId: 'w', otherWalletId: 'x' });
    await put('c');
    expect(db.batches.slice(2).map(({ keys }) => keys)).toEqual([['c']]);
    slow.release();
    await Promise.all([large, more]);
    expect(slow.batches.map(({ keys }) => keys)).toEqual([['x1'], ['x2']]);
  });

  it('recognises a large wallet by a batch that took long, though not too long', async () => {
    db.many.add('x');
    db.failures.push(() => {
      time += 251;
      return null;
    });
    await put('x1', { walletId: 'x' });
    await put('x2', { walletId: 'x' });
    expect([db, slow].map(({ batches }) => batches.map(({ keys }) => keys))).toEqual([[['x1']], [['x2']]]);
  });

  it('allows more time, once, for a batch that took too long without a large wallet', async () => {
    db.failures.push((keys) => (keys.includes('poison') ? failing('57014') : null));
    expect(await Promise.all([codeOf(put('a')), codeOf(put('poison'))])).toEqual(['done', 'unavailable']);
    expect(db.patient).toEqual([['a', 'poison'], ['a'], ['poison']]);
    expect(db.batches).toHaveLength(4);
    expect(slow.batches).toEqual([]);
  });

  it('gives up after three repeats and reports that nothing was done', async () => {
    db.failures.push(() => failing('40P01'));
    expect(await codeOf(put('a'))).toBe('unavailable');
    expect(db.batches).toHaveLength(4);
  });

  it('reports unavailable if nothing was sent and outcome_unknown if something was', async () => {
    db.failures.push((keys) => (keys.includes('x') ? new NoConnection() : new LostConnection()));
    expect(await codeOf(put('x'))).toBe('unavailable');
    expect(await codeOf(put('y'))).toBe('outcome_unknown');
    expect(db.batches).toHaveLength(2);
  });

  it('finishes what it accepted before it counts as drained', async () => {
    db.hold = true;
    const one = put('a');
    await turn();
    const drained = lane.drained();
    db.release();
    await drained;
    await one;
    expect(lane.depth).toBe(0);
  });
});
