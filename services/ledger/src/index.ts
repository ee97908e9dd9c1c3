import { defineService } from '#libs/http';

import { migrations } from '../migrations/index.js';
import { ledgerConfig } from './ledger.config.js';
import { LedgerModule } from './ledger.module.js';

/** Universal points: purchases in, balances out, every movement written once and forever. */
export const ledger = defineService({
  name: 'ledger',
  config: ledgerConfig,
  module: (config) => LedgerModule.forService(config),
  migrations,
});
