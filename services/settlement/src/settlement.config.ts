import { defineConfig, field, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';
import { z } from 'zod';

const currency = z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code');

export const settlementConfig = defineConfig('settlement', {
  ...serviceFields(),
  allianceCurrency: field(
    'ALLIANCE_CURRENCY',
    currency,
    'The alliance’s own currency: its cycles are named by the month alone.',
    { default: 'CNY' },
  ),
});

export type SettlementConfig = ConfigOf<typeof settlementConfig>;
