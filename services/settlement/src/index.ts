import { defineService } from '#libs/http';
import { migrations } from '../migrations/index.js';
import { settlementConfig } from './settlement.config.js';
import { SettlementModule } from './settlement.module.js';

/** Prices the debts between brands, closes cycles and nets them. */
export const settlement = defineService({
  name: 'settlement',
  config: settlementConfig,
  module: (config) => SettlementModule.forConfig(config),
  migrations,
});
