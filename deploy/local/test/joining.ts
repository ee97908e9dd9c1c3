/** Data that one brand got about one of its members: every value, by the name of the field. */
export type Record = ReadonlyMap<string, ReadonlySet<string>>;

/** Number of members that one way of joining identifies correctly; a tie among several counts as its probability. */
export interface Attempt {
  readonly way: string;
  readonly hits: number;
}

const INSTANT = /^\d{4}-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?Z)?)?$/;
/** Four digits or more: smaller numbers occur everywhere. */
const AMOUNT = /^-?\d{4,}(\.\d+)?$/;
const ID = /^[a-z]{2}_[0-9A-HJKMNP-TV-Z]{26}$/;

/** Adds every value of an answer under the names of its fields, without list indexes. */
export function flatten(name: string, value: unknown, add: (field: string, text: string) => void): void {
  if (Array.isArray(value)) for (const item of value) flatten(`${name}[]`, item, add);
  else if (typeof value === 'object' && value !== null)
    for (const [key, part] of Object.entries(value)) flatten(name === '' ? key : `${name}.${key}`, part, add);
  else if (typeof value === 'string' || typeof value === 'number') add(name, String(value));
}

type Sets = readonly ReadonlySet<string>[];

/** Number of rows whose best candidate is the member itself: `likeness` scores the j-th as the i-th, higher is more likely. */
function hitsOf(members: number, likeness: (i: number) => Float64Array): number {
  let hits = 0;
  for (let i = 0; i < members; i += 1) {
    const row = likeness(i);
    const best = row.reduce((most, score) => Math.max(most, score), -Infinity);
    if (row[i] === best) hits += 1 / row.reduce((count, score) => count + (score === best ? 1 : 0), 0);
  }
  return hits;
}

/** Members that have a value. */
type Holders = ReadonlyMap<string, readonly number[]>;

function holders(sets: Sets): Holders {
  const found = new Map<string, number[]>();
  sets.forEach((set, member) => {
    for (const value of set) {
      const known = found.get(value);
      if (known === undefined) found.set(value, [member]);
      else known.push(member);
    }
  });
  return found;
}

function add(row: Float64Array | undefined, at: number, weight: number): void {
  if (row !== undefined) row[at] = (row[at] ?? 0) + weight;
}

/** Scores equal values, rarer ones higher; null where none are equal. */
function exact(members: number, here: Holders, there: Holders): number | null {
  const common = [...here.keys()].filter((value) => there.has(value));
  if (common.length === 0) return null;
  const rows = Array.from({ length: members }, () => new Float64Array(members));
  for (const value of common) {
    const [mine = [], theirs = []] = [here.get(value), there.get(value)];
    for (const i of mine) for (const j of theirs) add(rows[i], j, 1 / (mine.length * theirs.length));
  }
  return hitsOf(members, (i) => rows[i] ?? new Float64Array());
}

/** The smallest distance between times or amounts of two members. */
function nearest(one: readonly number[][], other: readonly number[][]): number {
  return hitsOf(one.length, (i) =>
    Float64Array.from(other, (values) => {
      let least = Infinity;
      for (const a of one[i] ?? []) for (const b of values) least = Math.min(least, Math.abs(a - b));
      return -least;
    }),
  );
}

/** Joins members by the order of their first value: the n-th here is the n-th there. `order` breaks ties and carries no information. */
function sameRank(one: Sets, other: Sets, order: readonly number[]): number {
  // ties are broken by different random numbers at each brand: the same numbers would join by themselves
  const ranked = (sets: Sets, sign: 1 | -1): number[] => {
    const firsts = sets.map((set) => [...set].sort()[0] ?? '');
    return [...order.keys()].sort(
      (a, b) => compare(firsts[a] ?? '', firsts[b] ?? '') || sign * ((order[a] ?? 0) - (order[b] ?? 0)),
    );
  };
  const there = ranked(other, -1);
  return ranked(one, 1).filter((member, rank) => there[rank] === member).length;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const valuesOf = (records: readonly Record[], field: string): Sets => records.map((r) => r.get(field) ?? new Set());
const all = (sets: Sets, pattern: RegExp): boolean => sets.every((set) => [...set].every((text) => pattern.test(text)));
const numbers = (sets: Sets, parse: (text: string) => number): number[][] => sets.map((set) => [...set].map(parse));
/** All values of the fields that a brand has of each member, each kind separately. */
const together = (records: readonly Record[], kind: RegExp): Sets =>
  records.map((record) => new Set([...record.values()].flatMap((values) => [...values].filter((v) => kind.test(v)))));

interface Column {
  readonly field: string;
  readonly values: Sets;
  readonly holders: Holders;
  readonly isTime: boolean;
  readonly isId: boolean;
}

function columnsOf(records: readonly Record[]): Column[] {
  const fields = [...new Set(records.flatMap((record) => [...record.keys()]))].sort();
  return fields.map((field) => {
    const values = valuesOf(records, field);
    return { field, values, holders: holders(values), isTime: all(values, INSTANT), isId: all(values, ID) };
  });
}

/**
 * Tries to join the members of two brands, whose records are in the same order, by every field of one and every field of the other: equal
 * values of two fields and of all together, near times and near amounts of two fields, the same rank in an order, parts of ids.
 * @param order a random number for each member
 */
export function attempts(one: readonly Record[], other: readonly Record[], order: readonly number[]): Attempt[] {
  const found: Attempt[] = [];
  const tried = (way: string, hits: number | null): void => {
    if (hits !== null) found.push({ way, hits });
  };
  const columns = columnsOf(other);
  for (const a of columnsOf(one)) {
    for (const b of columns) {
      tried(`${a.field} equals ${b.field}`, exact(order.length, a.holders, b.holders));
      if (a.isTime && b.isTime)
        tried(`${a.field} near ${b.field}`, nearest(numbers(a.values, Date.parse), numbers(b.values, Date.parse)));
      if ((a.isTime && b.isTime) || (a.isId && b.isId))
        tried(`order of ${a.field} and ${b.field}`, sameRank(a.values, b.values, order));
    }
  }
  const both = (kind: RegExp): [Sets, Sets] => [together(one, kind), together(other, kind)];
  const equal = (here: Sets, there: Sets): number | null => exact(order.length, holders(here), holders(there));
  tried('any value equals any', equal(...both(/./)));
  const [amounts, others] = both(AMOUNT);
  tried('any amount near any', nearest(numbers(amounts, Number), numbers(others, Number)));
  const [ids, theirs] = both(ID);
  const parts = (sets: Sets, at: number): Sets =>
    sets.map((set) => new Set([...set].map((id) => id.slice(3 + at, 5 + at))));
  for (let at = 0; at < 25; at += 1)
    tried(`letters ${at} and ${at + 1} of ids`, equal(parts(ids, at), parts(theirs, at)));
  return found;
}
