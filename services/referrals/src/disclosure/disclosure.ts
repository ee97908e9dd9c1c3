/** Earnings that a programme paid to its distributors, as published. */
export interface Disclosure {
  readonly distributors: number;
  /** Fraction of distributors without earnings, 0 to 1, four decimals. */
  readonly shareWithZero: string;
  /** Minor units. For an even number: the average of the two middle values, rounded down. */
  readonly median: bigint;
  readonly total: bigint;
  /** Fraction of all earnings held by the top tenth of distributors (at least one). */
  readonly topTenthShare: string;
  /** 0: everyone earns the same; near 1: one distributor earns everything. */
  readonly gini: string;
}

/** Computes the figures behind "most earn nothing". Negative earnings count as zero. */
export function disclosureOf(earnings: readonly bigint[]): Disclosure {
  const sorted = earnings.map((amount) => (amount > 0n ? amount : 0n)).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const n = sorted.length;
  const total = sorted.reduce((a, b) => a + b, 0n);
  const top = sorted.slice(n - Math.ceil(n / 10)).reduce((a, b) => a + b, 0n);
  // Σ (2i − n − 1)·x / (n·Σx) over the sorted amounts, i from 1
  const spread = sorted.reduce((sum, amount, index) => sum + BigInt(2 * (index + 1) - n - 1) * amount, 0n);
  return {
    distributors: n,
    shareWithZero: fraction(BigInt(sorted.filter((amount) => amount === 0n).length), BigInt(n)),
    median: n === 0 ? 0n : ((sorted[Math.floor((n - 1) / 2)] ?? 0n) + (sorted[Math.floor(n / 2)] ?? 0n)) / 2n,
    total,
    topTenthShare: fraction(top, total),
    gini: fraction(spread, BigInt(n) * total),
  };
}

function fraction(part: bigint, whole: bigint): string {
  if (whole === 0n) return '0.0000';
  const scaled = (part * 20_000n + whole) / (2n * whole);
  return `${scaled / 10_000n}.${(scaled % 10_000n).toString().padStart(4, '0')}`;
}
