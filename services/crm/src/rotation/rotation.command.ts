import { DataSource } from 'typeorm';
import { loadConfig } from '#libs/config';
import { dataSourceOptions } from '#libs/postgres';
import { crmConfig } from '../crm.config.js';
import { VaultService } from '../vault/vault.service.js';
import { rotateVault } from './rotation.service.js';

/** Command: re-hashes and re-encrypts the vault under the current pepper and key, with the environment of the service. */
async function main(): Promise<void> {
  const config = loadConfig(crmConfig);
  const dataSource = new DataSource(dataSourceOptions(config.databaseUrl, 'hezong-crm-rotation', 1));
  await dataSource.initialize();
  try {
    const done = await rotateVault(dataSource, VaultService.standalone(config));
    process.stdout.write(`${done} contact points are now under the current pepper and key\n`);
  } finally {
    await dataSource.destroy();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
