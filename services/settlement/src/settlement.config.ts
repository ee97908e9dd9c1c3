import { defineConfig, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';

export const settlementConfig = defineConfig('settlement', serviceFields());

export type SettlementConfig = ConfigOf<typeof settlementConfig>;
