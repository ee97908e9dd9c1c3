import type { Migration } from '#libs/postgres';
import { partnerLedger } from './0001-partner-ledger.js';
import { commissions } from './0002-commissions.js';

/** All migrations of the service, in order. */
export const migrations: readonly Migration[] = [partnerLedger, commissions];
