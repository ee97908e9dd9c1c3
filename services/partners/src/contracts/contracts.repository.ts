import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ContractVersion } from './contract.js';
import { CONTRACTS } from './contracts.tables.js';

/** SQL of contract versions. Writers hold the brand's lock. */
@Injectable()
export class ContractsRepository {
  ofBrand(tx: EntityManager, brand: string): Promise<ContractVersion[]> {
    return tx.find(CONTRACTS, { where: { brand }, order: { version: 'asc' } });
  }

  async insert(tx: EntityManager, contract: ContractVersion): Promise<void> {
    await CONTRACTS.insert(tx, [contract]);
  }

  async end(tx: EntityManager, id: string, validTo: Date): Promise<void> {
    await tx.query('update contract set valid_to = $2 where id = $1', [id, validTo]);
  }

  /** Counts pairs of versions of one brand in force at the same instant; must be 0. */
  async overlaps(tx: EntityManager): Promise<number> {
    const rows: { pairs: bigint }[] = await tx.query(
      `select count(*) as pairs from contract a join contract b on a.brand = b.brand and a.version < b.version
        where tstzrange(a.valid_from, a.valid_to) && tstzrange(b.valid_from, b.valid_to)`,
    );
    return Number(rows[0]?.pairs ?? 0);
  }
}
