import type { Migration } from '#libs/postgres';
import { tiers } from './0001-tiers.js';

/** All migrations of the service, in order. */
export const migrations: readonly Migration[] = [tiers];
