import type { FiledLine } from '../entries/line.js';
import type { Party } from '../parties/party.js';

/** Where a page of what a party reads in full begins: after this. */
export type OwnPosition = readonly [day: string, postedAt: string, id: string];

/** What a party reads as one line: all lots of a posting at one price, or a line. */
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

/** A line as it is stored, with the digest it was written with. */
export interface StoredLine {
  readonly line: FiledLine;
  readonly digest: Uint8Array;
}

/** Exact sums over what a party reads in full. */
export interface OwnSums {
  count: bigint;
  points: string;
  amount: string;
  pays: string;
  receives: string;
  fees: string;
}
