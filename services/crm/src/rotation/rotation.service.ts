import type { DataSource } from 'typeorm';
import { runInTransaction } from '#libs/postgres';
import type { RotatedBatch, VaultService } from '../vault/vault.service.js';

const BATCH = 500;

/**
 * Moves every contact point to the current pepper and key, in batches, while the service runs. It can be stopped and repeated
 * safely; finished contact points are skipped.
 * @returns the number of changed contact points
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
