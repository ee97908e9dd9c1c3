import { defineService } from '#libs/http';
import { migrations } from '../migrations/index.js';
import { membershipConfig } from './membership.config.js';
import { MembershipModule } from './membership.module.js';

/** One tier honoured by every brand: qualifying credits, ladders, grants and maps. */
export const membership = defineService({
  name: 'membership',
  config: membershipConfig,
  module: (config) => MembershipModule.forConfig(config),
  migrations,
});
