import { defineConfig, field, loadConfig } from '#libs/config';
import { bootstrapOperator } from './clients/bootstrap-operator.js';
import { identityConfig } from './identity.config.js';

/**
 * Command for a new network: creates the operator's two clients, or issues them new secrets, and prints both as JSON. Needs only the
 * owner's database URL. Usage: `node dist/services/identity/src/bootstrap.js`
 */
const config = loadConfig(
  defineConfig('identity-bootstrap', {
    migrationUrl: field(
      identityConfig.fields.migrationUrl.variable,
      identityConfig.fields.migrationUrl.type,
      identityConfig.fields.migrationUrl.doc,
      { secret: true },
    ),
  }),
);

bootstrapOperator(config.migrationUrl).then(
  (credentials) => process.stdout.write(`${JSON.stringify(credentials)}\n`),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
