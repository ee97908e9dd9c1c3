import { formatInstant, merkleLeaf, merkleRoot } from '#libs/kernel';
import { amountOf } from '../entries/line.js';
import type { FiledLine, LineType } from '../entries/line.js';
import { totalReaders } from '../entries/reading.js';
import { partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';

/** Lines of one day that a party pays, is paid for or issued but may not read individually: by type, payer, redeemer and price. */
export interface DayTotal {
  readonly day: string;
  readonly reader: Party;
  readonly type: LineType;
  readonly payer: Party;
  readonly redeemer: Party | null;
  readonly asset: string | null;
  readonly priceMicro: bigint;
  readonly legs: bigint;
  readonly points: bigint;
  readonly amountMicro: bigint;
  /** `sha256:…` over the legs. */
  readonly root: string;
}

/**
 * A line in the tree of its day. The fields are in a fixed order, so their JSON is canonical. The salt prevents a reader who knows
 * the other fields from testing them against a root.
 */
export function leafOf(line: FiledLine, salt: string) {
  return {
    amountMicro: amountOf(line).toString(),
    currency: line.currency,
    day: line.day,
    occurredAt: formatInstant(line.occurredAt),
    payee: partyName(line.payee),
    payer: partyName(line.payer),
    points: line.points.toString(),
    priceMicro: line.priceMicro.toString(),
    redeemer: line.redeemer === null ? null : partyName(line.redeemer),
    salt,
    type: line.type,
  };
}

export function totalKey({ day, type, payer, redeemer, asset, priceMicro }: Omit<DayTotal, 'reader' | Sum>): string {
  return [day, type, payer, redeemer ?? '-', asset ?? '-', priceMicro].join(' ');
}

/** The lines of a day: their number, and the SHA-256 in hex over their digests in their order. */
export interface DayLines {
  readonly legs: bigint;
  readonly linesDigest: string;
}

/** What the operator's record says of a closed day: its lines and its totals. */
export function dayDocument({ legs, linesDigest }: DayLines, totals: readonly DayTotal[]) {
  return {
    legs: legs.toString(),
    linesDigest,
    totals: totals
      .map((total) =>
        [total.reader, totalKey(total), total.legs, total.points, total.amountMicro, total.root].join(' '),
      )
      .sort(),
  };
}

type Sum = 'legs' | 'points' | 'amountMicro' | 'root';

interface Growing extends Omit<DayTotal, 'root' | 'legs'> {
  points: bigint;
  amountMicro: bigint;
  readonly leaves: string[];
}

/** Sums lines into totals, of one reader or of all. */
export class DayTotals {
  private readonly totals = new Map<string, Growing>();

  constructor(
    private readonly saltOf: (reader: Party, lineId: string) => string,
    private readonly only?: Party,
  ) {}

  add(line: FiledLine): void {
    const readers = totalReaders(line, line.reader).filter((party) => this.only === undefined || party === this.only);
    if (readers.length === 0) return;
    for (const reader of readers) {
      const leaf = merkleLeaf(JSON.stringify(leafOf(line, this.saltOf(reader, line.id))));
      const key = `${reader} ${totalKey(line)}`;
      let total = this.totals.get(key);
      if (total === undefined) {
        const { day, type, payer, redeemer, asset, priceMicro } = line;
        total = { day, reader, type, payer, redeemer, asset, priceMicro, points: 0n, amountMicro: 0n, leaves: [] };
        this.totals.set(key, total);
      }
      total.points += line.points;
      total.amountMicro += amountOf(line);
      total.leaves.push(leaf);
    }
  }

  /** Returns the totals so far and starts anew. */
  end(): DayTotal[] {
    const totals = [...this.totals.values()].map(({ leaves, ...total }) => ({
      ...total,
      legs: BigInt(leaves.length),
      root: merkleRoot(leaves) ?? '',
    }));
    this.totals.clear();
    return totals;
  }
}
