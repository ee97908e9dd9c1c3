import type { NetworkReason } from '../postings/lot-reasons.js';

/** Why the lots that meet written-off debts were given. */
export const DEBT_WRITE_OFF = 'debt_write_off' satisfies NetworkReason;
