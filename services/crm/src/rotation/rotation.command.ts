import { DataSource } from 'typeorm';
import { loadConfig } from '#libs/config';
import { dataSourceOptions } from '#libs/postgres';
import { rotationConfig } from '../crm.config.js';
import { VaultService } from '../vault/vault.service.js';
import { rotateVault } from './rotation.service.js';

/**
 * Command: re-hashes and re-encrypts the vault under the current pepper and key. It has the vault's secrets and its own database
 * role.
 */
async function main(): Promise<void> {
  const config = loadConfig(rotationConfig);
  const dataSource = new DataSource(dataSourceOptions(config.rotationUrl, 'hezong-crm-rotation', 1));
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
