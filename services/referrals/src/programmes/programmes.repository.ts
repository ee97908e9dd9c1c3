import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Programme } from './programme.js';

interface Row {
  version: number;
  contributor_bp: number;
  contributor_floor_bp: number;
  max_depth: 1 | 2;
  sign_off: string | null;
  introducer_days: number;
  return_days: number;
  conversion_price_micro: bigint | null;
  valid_from: Date;
  created_by: string;
}

@Injectable()
export class ProgrammesRepository {
  async all(tx: EntityManager): Promise<Programme[]> {
    const rows: Row[] = await tx.query('select * from referral_programme order by valid_from');
    return rows.map(programmeOf);
  }

  async add(tx: EntityManager, programme: Omit<Programme, 'version'>, at: Date): Promise<Programme | null> {
    const rows: Row[] = await tx.query(
      `insert into referral_programme
         (contributor_bp, contributor_floor_bp, max_depth, sign_off, introducer_days, return_days, conversion_price_micro, valid_from,
          created_by, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (valid_from) do nothing returning *`,
      [
        programme.contributorBp,
        programme.contributorFloorBp,
        programme.maxDepth,
        programme.signOff,
        programme.introducerDays,
        programme.returnDays,
        programme.conversionPriceMicro,
        programme.validFrom,
        programme.createdBy,
        at,
      ],
    );
    return rows[0] === undefined ? null : programmeOf(rows[0]);
  }
}

function programmeOf(row: Row): Programme {
  return {
    version: row.version,
    contributorBp: row.contributor_bp,
    contributorFloorBp: row.contributor_floor_bp,
    maxDepth: row.max_depth,
    signOff: row.sign_off,
    introducerDays: row.introducer_days,
    returnDays: row.return_days,
    conversionPriceMicro: row.conversion_price_micro,
    validFrom: row.valid_from,
    createdBy: row.created_by,
  };
}
