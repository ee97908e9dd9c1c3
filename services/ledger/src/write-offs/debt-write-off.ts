import type { NetworkReason } from '../postings/lot-reasons.js';

/** Reason of lots that repay written-off debts. */
export const DEBT_WRITE_OFF = 'debt_write_off' satisfies NetworkReason;
