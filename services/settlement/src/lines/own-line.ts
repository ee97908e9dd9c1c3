import type { FiledLine } from '../entries/line.js';
import type { Party } from '../parties/party.js';

/** Position of a page of the lines that a party reads in full: it starts after this. */
export type OwnPosition = readonly [day: string, postedAt: string, id: string];

/** A line as a party reads it: all lots of a posting at one price, or a single line. */
export interface OwnLine extends Pick<
  FiledLine,
  | 'day'
  | 'ownId'
  | 'type'
  | 'originalLineId'
  | 'originalPostingId'
  | 'occurredAt'
  | 'postedAt'
  | 'payer'
  | 'payee'
  | 'redeemer'
> {
  readonly reader: Party;
  readonly store: string | null;
  readonly points: bigint;
  readonly priceMicro: bigint;
  readonly amountMicro: bigint;
  readonly currency: string;
  readonly reference: string | null;
}

export interface StoredLine {
  readonly line: FiledLine;
  /** SHA-256 over all that it says now. */
  readonly digest: Uint8Array;
  /** Whether that is the digest that it was written with. */
  readonly asWritten: boolean;
}

/** Exact sums over the lines that a party reads in full. */
export interface OwnSums {
  count: bigint;
  points: string;
  amount: string;
  pays: string;
  receives: string;
  fees: string;
}
