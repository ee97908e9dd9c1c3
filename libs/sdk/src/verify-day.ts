import type { HezongClient } from './client.js';

/** A leg of a commission, as `GET /v1/commissions` returns it to the seller. */
export interface ShownLeg {
  readonly party: string;
  readonly payee: string;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
  readonly day: string;
  readonly postedAt: string;
  /** Random value that blinds the leg. */
  readonly salt?: string;
}

/** Result for the total of a day in one currency. */
export interface DayVerdict {
  readonly currency: string;
  /** Whether the legs give the published amount, count and root. */
  readonly ok: boolean;
  readonly shown: { readonly amount: number; readonly legs: number; readonly root: string } | null;
  readonly found: { readonly amount: number; readonly legs: number; readonly root: string } | null;
}

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The leaf's text: its fields in alphabetical order, without spaces. */
function leafText({ amount, currency, day, party, payee, postedAt, salt }: ShownLeg): string {
  return `leaf:${JSON.stringify({ amount, currency, day, party, payee, postedAt, salt })}`;
}

/**
 * The Merkle root over legs: SHA-256 of each leaf, in order of these hashes; neighbours are hashed together level by level, and a lone node
 * moves up unchanged. Null for no legs.
 */
export async function rootOfLegs(legs: readonly ShownLeg[]): Promise<string | null> {
  let level = (await Promise.all(legs.map((leg) => digest(leafText(leg))))).sort();
  while (level.length > 1) {
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => level.slice(2 * i, 2 * i + 2));
    level = await Promise.all(
      pairs.map(async ([left = '', right]) => (right === undefined ? left : digest(`node:${left}${right}`))),
    );
  }
  return level[0] === undefined ? null : `sha256:${level[0]}`;
}

/**
 * Recomputes a day's totals and roots from the legs of the calling brand's own orders, and compares them with the published ones. The day
 * must be over.
 * @param day `2026-03-02`, in the alliance's time zone
 * @throws HezongProblem as every read; the client needs `referrals:read`
 */
export async function verifyDay(hezong: HezongClient, day: string): Promise<DayVerdict[]> {
  const { data } = await hezong.commissions.days({ query: { from: day, to: day, as: 'seller' } });
  const legs: ShownLeg[] = [];
  for await (const commission of hezong.pages((page) => hezong.commissions.list({ query: { day, ...page } })))
    legs.push(...commission.legs.filter((leg) => leg.day === day));
  const currencies = new Set([...data, ...legs].map(({ currency }) => currency));
  return Promise.all(
    [...currencies].sort().map(async (currency): Promise<DayVerdict> => {
      const own = legs.filter((leg) => leg.currency === currency);
      const total = data.find((row) => row.currency === currency);
      const root = await rootOfLegs(own);
      const found =
        root === null ? null : { amount: own.reduce((sum, { amount }) => sum + amount, 0), legs: own.length, root };
      const shown = total === undefined ? null : { amount: total.amount, legs: total.legs, root: total.root };
      const ok = shown !== null && found !== null && JSON.stringify(shown) === JSON.stringify(found);
      return { currency, ok, shown, found };
    }),
  );
}
