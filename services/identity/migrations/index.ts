import type { Migration } from '#libs/postgres';
import { clientsAndKeys } from './0001-clients-and-keys.js';

export const migrations: readonly Migration[] = [clientsAndKeys];
