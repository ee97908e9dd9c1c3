import { defineConfig, field, integer, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';

export const ledgerConfig = defineConfig('ledger', {
  ...serviceFields(),
  sweepMs: field(
    'LEDGER_SWEEP_MS',
    integer(50, 3_600_000),
    'Milliseconds between two sweeps for due work: pending points, timed-out holds, expired lots.',
    { default: '1000' },
  ),
  lanes: field(
    'LEDGER_LANES',
    integer(1, 16),
    'Connections that post, each with one batch under way at a time; about one a core of the database.',
    {
      default: '2',
    },
  ),
  sealMs: field(
    'LEDGER_SEAL_MS',
    integer(100, 3_600_000),
    'Milliseconds between two passes that seal postings into the audit chain.',
    { default: '5000' },
  ),
});

export type LedgerConfig = ConfigOf<typeof ledgerConfig>;
