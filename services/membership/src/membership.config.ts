import { defineConfig, field, integer, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';

export const membershipConfig = defineConfig('membership', {
  ...serviceFields(),
  dueMs: field(
    'TIER_SWEEP_MS',
    integer(100, 3_600_000),
    'Milliseconds between two sweeps for ranks that change with time.',
    { default: '5000' },
  ),
});

export type MembershipConfig = ConfigOf<typeof membershipConfig>;
