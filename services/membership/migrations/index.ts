import type { Migration } from '#libs/postgres';
import { tiers } from './0001-tiers.js';

export const migrations: readonly Migration[] = [tiers];
