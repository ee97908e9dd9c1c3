import { canonicalJson, formatInstant, groupBy, merkleLeaf, merkleRoot, namedHash } from '#libs/kernel';
import type { Leg } from '../postings/postings.tables.js';
import { shownPayee } from '../distributors/owner.js';
import type { DayTotal } from './days.tables.js';

export type DayLeg = Pick<
  Leg,
  'id' | 'commissionId' | 'brand' | 'party' | 'owner' | 'payee' | 'amount' | 'currency' | 'postedAt' | 'day'
>;

/** Returns the salt that blinds a leg in the totals of a reader. */
export type SaltOf = (reader: string, legId: string) => string;

/** A leg in the tree of a reader's day: the fields that the reader sees, or will see when the leg is opened. */
export function leafOf(leg: DayLeg, reader: string, saltOf: SaltOf) {
  const { amount, currency, day, party, payee, postedAt } = leg;
  return {
    amount,
    currency,
    day,
    party,
    payee: shownPayee(payee, reader),
    postedAt: formatInstant(postedAt),
    salt: saltOf(reader, leg.id),
  };
}

/**
 * Totals with roots, by day, seller, contributor and currency. Contributors and sellers may see them, and a seller's books are
 * checked against them.
 */
export function totalsOf(legs: readonly DayLeg[], saltOf: SaltOf): DayTotal[] {
  const bySeller = groupBy(legs, ({ day, brand, currency }) => `${day} ${brand} ${currency}`);
  const totals = [...bySeller.values()].flatMap((all) => [
    ...totalOf('', all, saltOf),
    ...[...groupBy(all.filter(isContributors), ({ payee }) => payee)].flatMap(([payee, own]) =>
      totalOf(payee.replace('brand:', ''), own, saltOf),
    ),
  ]);
  return totals.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** The key of a total, in words. */
export function keyOf({ day, seller, contributor, currency }: DayTotal): string {
  return `${day} ${seller}${contributor === '' ? '' : ` ${contributor}`} ${currency}`;
}

function isContributors({ party }: DayLeg): boolean {
  return party === 'contributor';
}

function totalOf(contributor: string, legs: readonly DayLeg[], saltOf: SaltOf): DayTotal[] {
  const [leg] = legs;
  if (leg === undefined) return [];
  const { day, brand: seller, currency } = leg;
  const reader = contributor === '' ? seller : contributor;
  const root = merkleRoot(legs.map((one) => merkleLeaf(canonicalJson(leafOf(one, reader, saltOf))))) ?? '';
  const amount = legs.reduce((sum, one) => sum + one.amount, 0n);
  return [{ day, seller, contributor, currency, amount, legs: legs.length, root, owners: ownersOf(legs) }];
}

/** Hash of the owners of legs, leg by leg. */
function ownersOf(legs: readonly DayLeg[]): string {
  return namedHash(
    canonicalJson(legs.map(({ id, commissionId, party, owner }) => [id, commissionId, party, owner].join(' ')).sort()),
  );
}
