import { defineService } from '#libs/http';
import { migrations } from '../migrations/index.js';
import { partnersConfig } from './partners.config.js';
import { PartnersModule } from './partners.module.js';

/** Brands, legal entities, stores, contracts, and the alliance's test clock. */
export const partners = defineService({
  name: 'partners',
  config: partnersConfig,
  module: (config) => PartnersModule.forService(config),
  migrations,
});
