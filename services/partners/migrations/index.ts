import type { Migration } from '#libs/postgres';
import { brandsContractsClock } from './0001-brands-contracts-clock.js';

export const migrations: readonly Migration[] = [brandsContractsClock];
