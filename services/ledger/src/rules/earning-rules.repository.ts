import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { idFromUuid } from '#libs/kernel';

import type { ExpiryPolicy, RuleMatch, RuleRounding, RuleVersion } from './rule.js';

/** NOTIFY channel of the rules; the payload is the brand. */
export const RULES_CHANNEL = 'earning_rule';

interface Terms {
  match: RuleMatch;
  earn: { points: number; per: number };
  rounding: RuleRounding;
  pendingDays: number;
  pendingUntil?: 'delivered';
  expiry: { kind: 'fixed'; at: string } | Exclude<ExpiryPolicy, { kind: 'fixed' }>;
}

interface Row {
  id: string;
  brand: string;
  name: string;
  version: number;
  valid_from: Date;
  valid_to: Date | null;
  priority: number;
  terms: Terms;
}

function toRule(row: Row): RuleVersion {
  const { match, earn, rounding, pendingDays, pendingUntil, expiry } = row.terms;
  return {
    id: idFromUuid('er', row.id),
    brand: row.brand,
    name: row.name,
    version: row.version,
    validFrom: row.valid_from,
    validTo: row.valid_to,
    priority: row.priority,
    match,
    earn: { points: BigInt(earn.points), per: BigInt(earn.per) },
    rounding,
    pendingDays,
    ...(pendingUntil === undefined ? {} : { pendingUntil }),
    expiry: expiry.kind === 'fixed' ? { kind: 'fixed', at: new Date(expiry.at) } : expiry,
  };
}

function toTerms(rule: Omit<RuleVersion, 'id' | 'version'>): Terms {
  const { match, earn, rounding, pendingDays, pendingUntil, expiry } = rule;
  return {
    match,
    earn: { points: Number(earn.points), per: Number(earn.per) },
    rounding,
    pendingDays,
    ...(pendingUntil === undefined ? {} : { pendingUntil }),
    expiry: expiry.kind === 'fixed' ? { kind: 'fixed', at: expiry.at.toISOString() } : expiry,
  };
}

const COLUMNS = 'id, brand, name, version, valid_from, valid_to, priority, terms';

/** The stored versions of the earning rules. Versions are added, never changed. */
@Injectable()
export class EarningRulesRepository {
  /** All versions of a brand, the ones that have ended too: old orders are returned under them. */
  async ofBrand(tx: EntityManager, brand: string): Promise<RuleVersion[]> {
    const rows: Row[] = await tx.query(`SELECT ${COLUMNS} FROM earning_rule WHERE brand = $1`, [brand]);
    return rows.map(toRule);
  }

  /** The newest version of a name. Locks the name, so that versions are given one at a time. */
  async newestForUpdate(tx: EntityManager, brand: string, name: string): Promise<RuleVersion | null> {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 3))`, [`earning_rule ${brand} ${name}`]);
    const rows: Row[] = await tx.query(
      `SELECT ${COLUMNS} FROM earning_rule WHERE brand = $1 AND name = $2 ORDER BY version DESC LIMIT 1`,
      [brand, name],
    );
    return rows[0] ? toRule(rows[0]) : null;
  }

  /** Stores a version; every instance drops its copy of the brand's rules when this commits. */
  async add(
    tx: EntityManager,
    uuid: string,
    version: number,
    rule: Omit<RuleVersion, 'id' | 'version'>,
  ): Promise<void> {
    await tx.query(`INSERT INTO earning_rule (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, [
      uuid,
      rule.brand,
      rule.name,
      version,
      rule.validFrom,
      rule.validTo,
      rule.priority,
      JSON.stringify(toTerms(rule)),
    ]);
    await tx.query(`SELECT pg_notify('${RULES_CHANNEL}', $1)`, [rule.brand]);
  }

  async find(tx: EntityManager, uuid: string): Promise<RuleVersion | null> {
    const rows: Row[] = await tx.query(`SELECT ${COLUMNS} FROM earning_rule WHERE id = $1`, [uuid]);
    return rows[0] ? toRule(rows[0]) : null;
  }

  /** Versions in the order they were made, after the given one. */
  async page(
    tx: EntityManager,
    filter: { brand: string | null; name: string | null },
    after: string | null,
    limit: number,
  ): Promise<{ uuid: string; rule: RuleVersion }[]> {
    const rows: Row[] = await tx.query(
      `SELECT ${COLUMNS} FROM earning_rule
       WHERE ($1::text IS NULL OR brand = $1) AND ($2::text IS NULL OR name = $2) AND ($3::uuid IS NULL OR id > $3)
       ORDER BY id LIMIT $4`,
      [filter.brand, filter.name, after, limit],
    );
    return rows.map((row) => ({ uuid: row.id, rule: toRule(row) }));
  }
}
