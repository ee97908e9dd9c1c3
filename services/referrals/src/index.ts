import { defineService } from '#libs/http';
import { migrations } from '../migrations/index.js';
import { referralsConfig } from './referrals.config.js';
import { ReferralsModule } from './referrals.module.js';

/** Attributes customers to promoters, computes commissions, and pays them. */
export const referrals = defineService({
  name: 'referrals',
  config: referralsConfig,
  module: (config) => ReferralsModule.forConfig(config),
  migrations,
});
