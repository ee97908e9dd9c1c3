import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { IssuingLimits } from '#libs/directory';
import type { ContractVersion } from './contract.js';

interface ContractRow {
  id: string;
  brand: string;
  version: number;
  valid_from: Date;
  valid_to: Date | null;
  roles: string[];
  funding_mode: string;
  currency: string;
  accrual_micro: bigint;
  reimbursement_micro: bigint;
  operator_fee_micro: bigint;
  face_value_micro: bigint;
  cycle: string;
  fee_on_own: boolean;
  lateness_days: number | null;
  attests: string[];
  limits: IssuingLimits;
  created_at: Date;
}

/** SQL of contract versions. Callers hold the brand's lock when they write. */
@Injectable()
export class ContractsRepository {
  async ofBrand(tx: EntityManager, brand: string): Promise<ContractVersion[]> {
    const rows: ContractRow[] = await tx.query('select * from contract where brand = $1 order by version', [brand]);
    return rows.map(toVersion);
  }

  async insert(tx: EntityManager, contract: ContractVersion): Promise<void> {
    await tx.query(
      `insert into contract (id, brand, version, valid_from, valid_to, roles, funding_mode, currency, accrual_micro,
         reimbursement_micro, operator_fee_micro, face_value_micro, cycle, fee_on_own, lateness_days, attests, limits, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
      [
        contract.id,
        contract.brand,
        contract.version,
        contract.validFrom,
        contract.validTo,
        contract.roles,
        contract.fundingMode,
        contract.currency,
        contract.accrualMicro.toString(),
        contract.reimbursementMicro.toString(),
        contract.operatorFeeMicro.toString(),
        contract.faceValueMicro.toString(),
        contract.cycle,
        contract.feeOnOwn,
        contract.latenessDays,
        contract.attests,
        JSON.stringify(contract.limits),
        contract.createdAt,
      ],
    );
  }

  async end(tx: EntityManager, id: string, validTo: Date): Promise<void> {
    await tx.query('update contract set valid_to = $2 where id = $1', [id, validTo]);
  }

  /** Pairs of versions of one brand that are in force at the same instant; there must be none. */
  async overlaps(tx: EntityManager): Promise<number> {
    const rows: { pairs: bigint }[] = await tx.query(
      `select count(*) as pairs from contract a join contract b on a.brand = b.brand and a.version < b.version
        where tstzrange(a.valid_from, a.valid_to) && tstzrange(b.valid_from, b.valid_to)`,
    );
    return Number(rows[0]?.pairs ?? 0);
  }
}

function toVersion(row: ContractRow): ContractVersion {
  return {
    id: row.id,
    brand: row.brand,
    version: row.version,
    validFrom: row.valid_from,
    validTo: row.valid_to,
    roles: row.roles,
    fundingMode: row.funding_mode,
    currency: row.currency,
    accrualMicro: row.accrual_micro,
    reimbursementMicro: row.reimbursement_micro,
    operatorFeeMicro: row.operator_fee_micro,
    faceValueMicro: row.face_value_micro,
    cycle: row.cycle,
    feeOnOwn: row.fee_on_own,
    latenessDays: row.lateness_days,
    attests: row.attests,
    limits: row.limits,
    createdAt: row.created_at,
  };
}
