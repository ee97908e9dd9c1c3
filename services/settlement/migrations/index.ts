import type { Migration } from '#libs/postgres';
import { partnerLedger } from './0001-partner-ledger.js';
import { results } from './0002-results.js';

export const migrations: readonly Migration[] = [partnerLedger, results];
