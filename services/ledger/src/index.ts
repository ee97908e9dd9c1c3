import { defineService } from '#libs/http';

import { migrations } from '../migrations/index.js';
import { ledgerConfig } from './ledger.config.js';
import { LedgerModule } from './ledger.module.js';

/** Universal points: records purchases, answers balances, and writes every movement once and permanently. */
export const ledger = defineService({
  name: 'ledger',
  config: ledgerConfig,
  module: (config) => LedgerModule.forService(config),
  migrations,
});
