import type { Migration } from '#libs/postgres';
import { offersAndTouches } from './0001-offers-and-touches.js';
import { commissions } from './0002-commissions.js';
import { earnings } from './0003-earnings.js';

export const migrations: readonly Migration[] = [offersAndTouches, commissions, earnings];
