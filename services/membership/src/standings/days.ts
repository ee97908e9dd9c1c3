import { CONDITION_KINDS, capOf, neededOf } from '../ladders/ladder.js';
import type { ConditionKind, LadderTerms } from '../ladders/ladder.js';
import type { Item } from '../credits/credits.js';
import type { DayRange } from './window.js';

/** The content of a window, capped by brand. */
export type Measure = Readonly<Record<ConditionKind, bigint>>;

export interface ConditionState {
  readonly kind: ConditionKind;
  readonly needed: bigint;
  readonly have: bigint;
  readonly missing: bigint;
}

interface Cell {
  credits: bigint;
  orders: number;
}

/** Credits and orders of a wallet by day and brand: the only input for judging ranks. */
export class Days {
  private readonly days = new Map<string, Map<string, Cell>>();

  static from(rows: readonly (readonly [string, string, string, number])[]): Days {
    const days = new Days();
    for (const [day, brand, credits, orders] of rows) days.put(day, brand, BigInt(credits), orders);
    return days;
  }

  /** Sorted, so that equal contents give equal rows. */
  toRows(): (readonly [string, string, string, number])[] {
    const rows: (readonly [string, string, string, number])[] = [];
    for (const [day, brands] of this.days)
      for (const [brand, { credits, orders }] of brands)
        if (credits !== 0n || orders !== 0) rows.push([day, brand, credits.toString(), orders]);
    return rows.sort((a, b) => (a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]) ? -1 : 1));
  }

  copy(): Days {
    const copy = new Days();
    for (const [day, brands] of this.days)
      copy.days.set(day, new Map([...brands].map(([brand, cell]) => [brand, { ...cell }])));
    return copy;
  }

  apply(item: Item): void {
    this.put(item.day, item.brand, item.credits, item.orders);
  }

  /** Removes days before this one, which no window contains any more. */
  forgetBefore(day: string): void {
    for (const known of this.days.keys()) if (known < day) this.days.delete(known);
  }

  /** Content of a window. A visit is a day at a brand, regardless of the number of receipts. */
  measure(ladder: LadderTerms, range: DayRange): Measure {
    const credits = new Map<string, bigint>();
    let visits = 0n;
    const visited = new Set<string>();
    for (const [day, brands] of this.days) {
      if (day < range.from || day >= range.to) continue;
      for (const [brand, cell] of brands) {
        credits.set(brand, (credits.get(brand) ?? 0n) + cell.credits);
        if (cell.orders > 0) {
          visits += 1n;
          visited.add(brand);
        }
      }
    }
    let sum = 0n;
    for (const [brand, earned] of credits) {
      const cap = capOf(ladder, brand);
      sum += cap !== null && earned > cap ? cap : earned;
    }
    return { credits: sum, visits, brands: BigInt(visited.size) };
  }

  private put(day: string, brand: string, credits: bigint, orders: number): void {
    let brands = this.days.get(day);
    if (brands === undefined) this.days.set(day, (brands = new Map<string, Cell>()));
    const cell = brands.get(brand);
    if (cell === undefined) brands.set(brand, { credits, orders });
    else {
      cell.credits += credits;
      cell.orders += orders;
    }
  }
}

/** The conditions of a rank, compared with the content of a window. */
export function conditionsOf(ladder: LadderTerms, rank: number, measure: Measure): ConditionState[] {
  const conditions = ladder.ranks[rank]?.conditions;
  if (conditions === undefined) return [];
  return CONDITION_KINDS.flatMap((kind) => {
    const needed = conditions[kind];
    if (needed === null) return [];
    const have = measure[kind];
    return [{ kind, needed, have, missing: have >= needed ? 0n : needed - have }];
  });
}

/** The highest rank whose conditions hold. */
export function qualifies(ladder: LadderTerms, measure: Measure): number {
  for (let rank = ladder.ranks.length - 1; rank > 0; rank -= 1) {
    const conditions = ladder.ranks[rank]?.conditions;
    if (conditions === undefined) continue;
    const held = conditionsOf(ladder, rank, measure).filter(({ missing }) => missing === 0n).length;
    if (held >= neededOf(conditions)) return rank;
  }
  return 0;
}
