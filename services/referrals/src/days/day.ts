import { formatInstant, groupBy, idFromUuid } from '#libs/kernel';
import { merkleRoot } from './merkle.js';
import type { Leaf } from './merkle.js';

/** A leg as its day needs it. */
export interface DayLeg {
  readonly id: string;
  readonly brand: string;
  readonly party: string;
  readonly payee: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly postedAt: Date;
  readonly day: string;
}

/** Legs of one day, seller and currency: a contributor's, or (contributor empty) those of all parties. */
export interface DayTotal {
  readonly day: string;
  readonly seller: string;
  readonly contributor: string;
  readonly currency: string;
  readonly amount: bigint;
  readonly legs: number;
  readonly root: string;
}

export function leafOf({ id, party, payee, amount, currency, day, postedAt }: DayLeg): Leaf {
  return { id: idFromUuid('lg', id), party, payee, amount, currency, day, postedAt: formatInstant(postedAt) };
}

/** Totals with roots, by day, seller, contributor and currency: what contributors may see, and with it what a seller's books are held to. */
export function totalsOf(legs: readonly DayLeg[]): DayTotal[] {
  const bySeller = groupBy(legs, ({ day, brand, currency }) => `${day} ${brand} ${currency}`);
  const totals = [...bySeller.values()].flatMap((all) => [
    ...totalOf('', all),
    ...[...groupBy(all.filter(isContributors), ({ payee }) => payee)].flatMap(([payee, own]) =>
      totalOf(payee.replace('brand:', ''), own),
    ),
  ]);
  return totals.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** What a total is of, in words. */
export function keyOf({ day, seller, contributor, currency }: DayTotal): string {
  return `${day} ${seller}${contributor === '' ? '' : ` ${contributor}`} ${currency}`;
}

function isContributors({ party }: DayLeg): boolean {
  return party === 'contributor';
}

function totalOf(contributor: string, legs: readonly DayLeg[]): DayTotal[] {
  const root = merkleRoot(legs.map(leafOf));
  const [leg] = legs;
  if (leg === undefined || root === null) return [];
  const { day, brand: seller, currency } = leg;
  const amount = legs.reduce((sum, one) => sum + one.amount, 0n);
  return [{ day, seller, contributor, currency, amount, legs: legs.length, root }];
}
