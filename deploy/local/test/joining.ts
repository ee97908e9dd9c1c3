/** What one brand was told of one of its members: every value it saw, by the name of the field. */
export type Record = ReadonlyMap<string, ReadonlySet<string>>;

/** How many members one way of joining named rightly; a draw among several counts as its chance. */
export interface Attempt {
  readonly way: string;
  readonly hits: number;
}

const INSTANT = /^\d{4}-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?Z)?)?$/;
const NUMBER = /^-?\d+(\.\d+)?$/;
const ID = /^[a-z]{2}_[0-9A-HJKMNP-TV-Z]{26}$/;

/** Adds every value of an answer under the names of its fields, places in lists left out. */
export function flatten(name: string, value: unknown, add: (field: string, text: string) => void): void {
  if (Array.isArray(value)) for (const item of value) flatten(`${name}[]`, item, add);
  else if (typeof value === 'object' && value !== null)
    for (const [key, part] of Object.entries(value)) flatten(name === '' ? key : `${name}.${key}`, part, add);
  else if (typeof value === 'string' || typeof value === 'number') add(name, String(value));
}

type Sets = readonly ReadonlySet<string>[];
/** How much speaks for two members being one; the best of a row is the guess. */
type Likeness = (ofOne: number, ofOther: number) => number;

function hitsOf(members: number, likeness: Likeness): number {
  let hits = 0;
  for (let i = 0; i < members; i += 1) {
    const row = Array.from({ length: members }, (_, j) => likeness(i, j));
    const best = Math.max(...row);
    if (row[i] === best) hits += 1 / row.filter((score) => score === best).length;
  }
  return hits;
}

function holders(sets: Sets): Map<string, number> {
  const count = new Map<string, number>();
  for (const set of sets) for (const value of set) count.set(value, (count.get(value) ?? 0) + 1);
  return count;
}

/** Equal values, the rarer the better; null where nothing is equal. */
function exact(one: Sets, other: Sets): number | null {
  const [here, there] = [holders(one), holders(other)];
  const weight = new Map<string, number>();
  for (const [value, count] of here) {
    const again = there.get(value);
    if (again !== undefined) weight.set(value, 1 / (count * again));
  }
  if (weight.size === 0) return null;
  return hitsOf(one.length, (i, j) => {
    let sum = 0;
    for (const value of one[i] ?? []) if (other[j]?.has(value) === true) sum += weight.get(value) ?? 0;
    return sum;
  });
}

/** The smallest distance between a time or an amount of one and of the other. */
function nearest(one: readonly number[][], other: readonly number[][]): number {
  return hitsOf(one.length, (i, j) => {
    let least = Infinity;
    for (const a of one[i] ?? []) for (const b of other[j] ?? []) least = Math.min(least, Math.abs(a - b));
    return -least;
  });
}

/** Members in the order of their first value: the n-th here is the n-th there. `order` breaks ties, and knows nothing. */
function sameRank(one: readonly string[], other: readonly string[], order: readonly number[]): number {
  const ranked = (values: readonly string[]): number[] =>
    [...order.keys()].sort((a, b) => compare(values[a] ?? '', values[b] ?? '') || (order[a] ?? 0) - (order[b] ?? 0));
  const [here, there] = [ranked(one), ranked(other)];
  return here.filter((member, rank) => there[rank] === member).length;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const valuesOf = (records: readonly Record[], field: string): Sets => records.map((r) => r.get(field) ?? new Set());
const all = (sets: Sets, pattern: RegExp): boolean => sets.every((set) => [...set].every((text) => pattern.test(text)));
const fieldsOf = (records: readonly Record[]): string[] => [...new Set(records.flatMap((r) => [...r.keys()]))].sort();

/**
 * Tries to join the members of two brands, whose records stand in one order, by all fields of the one and all of the other: equal values of
 * each two fields and of all together, times and amounts that lie near each other, the same place in an order, and parts of ids.
 * @param order a random number for each member
 */
export function attempts(one: readonly Record[], other: readonly Record[], order: readonly number[]): Attempt[] {
  const found: Attempt[] = [];
  const tried = (way: string, hits: number | null): void => {
    if (hits !== null) found.push({ way, hits });
  };
  for (const a of fieldsOf(one)) {
    const here = valuesOf(one, a);
    for (const b of fieldsOf(other)) {
      const there = valuesOf(other, b);
      tried(`${a} equals ${b}`, exact(here, there));
      for (const [kind, pattern, parse] of [
        ['time', INSTANT, Date.parse],
        ['amount', NUMBER, Number],
      ] as const) {
        if (!all(here, pattern) || !all(there, pattern)) continue;
        const [near, far] = [here, there].map((sets) => sets.map((set) => [...set].map(parse)));
        tried(`${kind} ${a} near ${b}`, nearest(near ?? [], far ?? []));
      }
      if ((all(here, ID) && all(there, ID)) || (all(here, INSTANT) && all(there, INSTANT))) {
        const [firsts, others] = [here, there].map((sets) => sets.map((set) => [...set].sort()[0] ?? ''));
        tried(`order of ${a} and ${b}`, sameRank(firsts ?? [], others ?? [], order));
      }
    }
  }
  const everything = (records: readonly Record[]): Sets =>
    records.map((record) => new Set([...record.values()].flatMap((values) => [...values])));
  const [here, there] = [everything(one), everything(other)];
  tried('any value equals any', exact(here, there));
  const parts = (sets: Sets, at: number): Sets =>
    sets.map((set) => new Set([...set].filter((text) => ID.test(text)).map((text) => text.slice(3 + at, 5 + at))));
  for (let at = 0; at < 25; at += 1)
    tried(`letters ${at} and ${at + 1} of ids`, exact(parts(here, at), parts(there, at)));
  return found;
}
