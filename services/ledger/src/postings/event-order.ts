import type { RelayPosition } from '#libs/messaging';

/** Rows after the position ($1, $2, $3). */
export const AFTER = `(epoch, xid, seq) > ($1::smallint, $2::xid8, $3::bigint)`;

/**
 * Rows of those before which no new row can appear: of transactions older than the oldest running one, or of an earlier epoch. A
 * wallet's row never comes before an earlier row of the wallet, nor before the transaction that wrote it.
 */
export const READABLE = `${AFTER} and (epoch < (select n.epoch from node n) or xid < pg_snapshot_xmin(pg_current_snapshot()))`;

/** The position of an event. */
export interface EventPlace {
  readonly epoch: number;
  readonly xid: string;
  readonly seq: bigint;
}

export function positionOf({ epoch, xid, seq }: EventPlace): RelayPosition {
  return { epoch, xid, seq: seq.toString() };
}
