import { defineService } from '#libs/http';
import { migrations } from '../migrations/index.js';
import { identityConfig } from './identity.config.js';
import { IdentityModule } from './identity.module.js';
import { mountOAuth } from './oauth/oauth.routes.js';

export { bootstrapOperator } from './clients/bootstrap-operator.js';
export type { ClientCredentials, OperatorCredentials } from './clients/bootstrap-operator.js';

/** OAuth 2 for machines: clients of brands and of the operator, their tokens, and the keys that sign them. */
export const identity = defineService({
  name: 'identity',
  config: identityConfig,
  module: (config) => IdentityModule.forService(config),
  migrations,
  setup: (app, config) => mountOAuth(app, config),
});
