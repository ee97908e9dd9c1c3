import type { DataSource } from 'typeorm';
import { runInTransaction } from '#libs/postgres';
import type { RotatedBatch, VaultService } from '../vault/vault.service.js';

const BATCH = 500;

/**
 * Brings every contact point under the current pepper and key, batch by batch, while the service runs. Safe to stop and to
 * repeat: what is done is not done again.
 * @returns how many contact points changed
 */
export async function rotateVault(dataSource: DataSource, vault: VaultService): Promise<number> {
  let total = 0;
  let after: string | null = null;
  do {
    const from: string | null = after;
    const { done, next }: RotatedBatch = await runInTransaction(dataSource, { brand: '*' }, (tx) =>
      vault.rotateBatch(tx, from, BATCH),
    );
    total += done;
    after = next;
  } while (after !== null);
  return total;
}
