import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { canonicalJson, pointsToJson, exactSum } from '#libs/kernel';
import type { PriceGroup } from '../netting/netting.js';
import { partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { microToText } from './money.js';
import type { LineDocument, StatementRow } from './statement-row.js';

/** Sums over the rows of one brand's statement. Amounts exact, in millionths of a minor unit. */
export interface StatementTotals {
  readonly count: bigint;
  readonly points: bigint;
  readonly amountMicro: bigint;
  /** Amount that the brand pays without fees: reimbursements and commissions. */
  readonly paysMicro: bigint;
  readonly receivesMicro: bigint;
  readonly feesMicro: bigint;
}

export interface StatementHeader {
  readonly cycle: string;
  readonly brand: string;
  readonly version: number;
  readonly currency: string;
  /** Hash of the brand's previous frozen statement; null for its first. */
  readonly previousHash: string | null;
}

export interface FrozenStatement {
  readonly header: StatementHeader;
  readonly totals: StatementTotals;
  readonly net: bigint;
  readonly hash: string;
}

/** A frozen statement and the hash of the one before it in its party's chain. */
export interface ChainedStatement extends FrozenStatement {
  readonly hashBefore: string | null;
}

export const EMPTY_TOTALS: StatementTotals = {
  count: 0n,
  points: 0n,
  amountMicro: 0n,
  paysMicro: 0n,
  receivesMicro: 0n,
  feesMicro: 0n,
};

export function withRow(
  totals: StatementTotals,
  { points, amountMicro, pays, receives, fee }: StatementRow,
): StatementTotals {
  return {
    count: totals.count + 1n,
    points: totals.points + points,
    amountMicro: totals.amountMicro + amountMicro,
    paysMicro: totals.paysMicro + (pays && !fee ? amountMicro : 0n),
    receivesMicro: totals.receivesMicro + (receives && !fee ? amountMicro : 0n),
    feesMicro: totals.feesMicro + (pays && fee ? amountMicro : 0n),
  };
}

/** Sums between a brand and one other party in a cycle. */
export interface Counterparty {
  /** A brand's slug, `operator` or `members`. */
  readonly brand: string;
  readonly direction: 'pays' | 'receives';
  readonly kind: 'reimbursement' | 'commission';
  readonly points: number | bigint;
  readonly amount: string;
}

/** Sums by counterparty without fees, for the whole cycle and no finer. */
export function counterpartiesOf(party: Party, groups: readonly PriceGroup[]): Counterparty[] {
  const sums = new Map<string, { points: bigint; amountMicro: bigint; of: Omit<Counterparty, 'points' | 'amount'> }>();
  for (const { payer, payee, kind, points, amountMicro } of groups) {
    if ((kind !== 'reimbursement' && kind !== 'commission') || (payer === party) === (payee === party)) continue;
    const direction = payer === party ? 'pays' : 'receives';
    const brand = partyName(payer === party ? payee : payer);
    const key = `${brand} ${direction} ${kind}`;
    const sum = sums.get(key) ?? { points: 0n, amountMicro: 0n, of: { brand, direction, kind } };
    sums.set(key, { ...sum, points: sum.points + points, amountMicro: sum.amountMicro + amountMicro });
  }
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { of, points, amountMicro }]) => ({ ...of, points: exactSum(points), amount: microToText(amountMicro) }));
}

/** Replacer for JSON.stringify that writes members in this order. Sorted order is canonical, because all members are flat. */
const LINE_FIELDS = [
  'amount',
  'count',
  'currency',
  'day',
  'id',
  'occurredAt',
  'originalLine',
  'payee',
  'payer',
  'points',
  'postedAt',
  'price',
  'redeemer',
  'reference',
  'root',
  'seller',
  'store',
  'type',
] satisfies (keyof LineDocument)[];

export function totalsDocument(totals: StatementTotals, net: bigint) {
  return {
    lines: {
      count: pointsToJson(totals.count),
      points: exactSum(totals.points),
      amount: microToText(totals.amountMicro),
    },
    pays: microToText(totals.paysMicro),
    receives: microToText(totals.receivesMicro),
    fees: microToText(totals.feesMicro),
    net: exactSum(net),
  };
}

export function trailerDocument(totals: StatementTotals, net: bigint, counterparties: readonly Counterparty[]) {
  return { ...totalsDocument(totals, net), counterparties };
}

/**
 * The settlement file of a brand: header, rows by day, trailer with the control totals. Its SHA-256 is the statement's hash. Each
 * header contains the previous hash, so a past statement cannot be replaced undetected.
 */
export class StatementFile {
  private readonly hash: Hash = createHash('sha256');

  constructor(header: StatementHeader) {
    this.hash.update(fileRow(header));
  }

  /** Same output as `fileRow`, in a fifth of the time if no sum exceeds a JavaScript number. */
  add(line: LineDocument): void {
    this.hash.update(typeof line.points === 'bigint' ? fileRow(line) : `${JSON.stringify(line, LINE_FIELDS)}\n`);
  }

  /** Ends the file; returns `sha256:…`. */
  end(trailer: ReturnType<typeof trailerDocument>): string {
    return `sha256:${this.hash.update(fileRow(trailer)).digest('hex')}`;
  }
}

/** One row of the file: canonical JSON and a line feed. */
export function fileRow(content: unknown): string {
  return `${canonicalJson(content)}\n`;
}
