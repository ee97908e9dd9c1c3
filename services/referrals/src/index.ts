import { defineService } from '#libs/http';
import { migrations } from '../migrations/index.js';
import { referralsConfig } from './referrals.config.js';
import { ReferralsModule } from './referrals.module.js';

/** Who brought a customer, what that is worth, and when it is paid. */
export const referrals = defineService({
  name: 'referrals',
  config: referralsConfig,
  module: (config) => ReferralsModule.forConfig(config),
  migrations,
});
