import { defineService } from '#libs/http';
import { gatewayConfig } from './gateway.config.js';
import { GatewayModule } from './gateway.module.js';
import { setup } from './setup.js';

/** The only public entry point of the network. */
export const gateway = defineService({
  name: 'gateway',
  config: gatewayConfig,
  module: (config) => GatewayModule.forService(config),
  setup,
});
