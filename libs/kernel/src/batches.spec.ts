import { Batches } from './batches.js';
import { DomainError } from './errors.js';

const limits = { batch: 3, queue: 5 };

it('sends a single item immediately, and together what waited meanwhile, in order and at most one batch', async () => {
  const seen: number[][] = [];
  const batches = new Batches<number, string>((items) => {
    seen.push([...items]);
    return Promise.resolve(items.map(String));
  }, limits);
  expect(await batches.add(0)).toBe('0');
  expect(await Promise.all([1, 2, 3, 4, 5].map((item) => batches.add(item)))).toEqual(['1', '2', '3', '4', '5']);
  expect(seen).toEqual([[0], [1, 2, 3], [4, 5]]);
});

it('lets an item that breaks its batch fail alone', async () => {
  const batches = new Batches<number, number>((items) => {
    if (items.includes(2)) return Promise.reject(new Error('spoilt'));
    return Promise.resolve(items);
  }, limits);
  const results = await Promise.allSettled([1, 2, 3].map((item) => batches.add(item)));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('never repeats a batch whose outcome is unknown', async () => {
  let runs = 0;
  const batches = new Batches<number, number>(() => {
    runs += 1;
    return Promise.reject(new DomainError('outcome_unknown'));
  }, limits);
  const results = await Promise.allSettled([1, 2].map((item) => batches.add(item)));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(runs).toBe(1);
});

it('refuses when too many items wait', async () => {
  const batches = new Batches<number, number>((items) => Promise.resolve(items), limits);
  const calls = [1, 2, 3, 4, 5].map((item) => batches.add(item));
  expect(() => batches.add(6)).toThrow(DomainError);
  expect(await Promise.all(calls)).toEqual([1, 2, 3, 4, 5]);
});

it('fills a batch by weight, and sends an item heavier than a batch separately', async () => {
  const seen: number[][] = [];
  const batches = new Batches<number, number>(
    (items) => {
      seen.push([...items]);
      return Promise.resolve(items);
    },
    { batch: 10, weight: (item) => item },
  );
  await Promise.all([4, 6, 1, 25, 9, 2].map((item) => batches.add(item)));
  expect(seen).toEqual([[4, 6], [1], [25], [9], [2]]);
});

it('fails the whole batch if no item may be tried alone, and continues with the next', async () => {
  const seen: number[][] = [];
  const batches = new Batches<number, number>(
    (items) => {
      seen.push([...items]);
      return items.includes(2) ? Promise.reject(new Error('spoilt')) : Promise.resolve(items);
    },
    { batch: 3, allFail: true },
  );
  const results = await Promise.allSettled([1, 2, 3, 4].map((item) => batches.add(item)));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled']);
  expect(seen).toEqual([[1, 2, 3], [4]]);
});
