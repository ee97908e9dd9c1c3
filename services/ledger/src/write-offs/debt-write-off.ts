/** Why the lots that meet written-off debts were given. No grant of a brand may say so. */
export const DEBT_WRITE_OFF = 'debt_write_off';
