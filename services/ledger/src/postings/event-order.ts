import type { RelayPosition } from '#libs/messaging';

/** Rows after the position of $1, $2 and $3. */
export const AFTER = `(epoch, xid, seq) > ($1::smallint, $2::xid8, $3::bigint)`;

/**
 * Of these, the ones before which nothing can appear any more: below the oldest running transaction, or of an earlier epoch. Rows of a
 * wallet never stand before its earlier ones, and never before the transaction that wrote them.
 */
export const READABLE = `${AFTER} and (epoch < (select n.epoch from node n) or xid < pg_snapshot_xmin(pg_current_snapshot()))`;

/** Where an event stands. */
export interface EventPlace {
  readonly epoch: number;
  readonly xid: string;
  readonly seq: bigint;
}

export function positionOf({ epoch, xid, seq }: EventPlace): RelayPosition {
  return { epoch, xid, seq: seq.toString() };
}
