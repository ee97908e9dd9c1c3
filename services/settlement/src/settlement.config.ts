import { defineConfig, field, integer, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';

export const settlementConfig = defineConfig('settlement', {
  ...serviceFields(),
  freezeWaitMs: field(
    'FREEZE_WAIT_MS',
    integer(100, 60_000),
    'Milliseconds that a freeze waits for what was committed before it; then it reports what it waits for.',
    { default: '10000' },
  ),
});

export type SettlementConfig = ConfigOf<typeof settlementConfig>;
