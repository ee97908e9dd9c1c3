import { defineService } from '#libs/http';
import { migrations } from '../migrations/index.js';
import { crmConfig } from './crm.config.js';
import { CrmModule } from './crm.module.js';

/** Persons, their links to brands, consents and contributor bindings. */
export const crm = defineService({
  name: 'crm',
  config: crmConfig,
  module: (config) => CrmModule.forService(config),
  migrations,
});
