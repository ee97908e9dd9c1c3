import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { idFromUuid } from '#libs/kernel';
import type { RowOf } from '#libs/postgres';

import { EARNING_RULES } from './earning-rules.tables.js';
import type { NewRule, RuleVersion } from './rule.js';

/** NOTIFY channel for rules; the payload is the brand. */
export const RULES_CHANNEL = 'earning_rule';

/** Rules of a brand in force between two changes; null for an open start or end. */
export interface RulesInForce {
  readonly from: Date | null;
  readonly to: Date | null;
  readonly rules: readonly RuleVersion[];
}

/** Finds for each name the version that began last: $1 brand, $2 instant. */
export const IN_FORCE = `
  with recursive named as (
    (select name from earning_rule where brand = $1 order by name limit 1)
    union all
    select (select r.name from earning_rule r where r.brand = $1 and r.name > n.name order by r.name limit 1)
    from named n where n.name is not null
  )
  select v.* from named n cross join lateral (
    select * from earning_rule where brand = $1 and name = n.name and valid_from <= $2
      and (valid_to is null or valid_to > $2) order by valid_from desc, version desc limit 1) v`;

export const SPAN = `
  select
    greatest((select max(valid_from) from earning_rule where brand = $1 and valid_from <= $2),
      (select max(valid_to) from earning_rule where brand = $1 and valid_to <= $2)) as "from",
    least((select min(valid_from) from earning_rule where brand = $1 and valid_from > $2),
      (select min(valid_to) from earning_rule where brand = $1 and valid_to > $2)) as "to"`;

/** The stored versions of earning rules. Versions are added, never changed. */
@Injectable()
export class EarningRulesRepository {
  /** Versions by id, of brands visible to the transaction. */
  async byId(tx: EntityManager, uuids: readonly string[]): Promise<RuleVersion[]> {
    return (await EARNING_RULES.query(tx, 'select * from earning_rule where id = any ($1)', [uuids])).map(ruleOf);
  }

  /**
   * Rules in force at an instant, with the start and end of the span in which none of them changes. Reads one version of each name in
   * force.
   */
  async inForce(tx: EntityManager, brand: string, at: Date): Promise<RulesInForce> {
    const rules = await EARNING_RULES.query(tx, IN_FORCE, [brand, at]);
    const [span]: { from: Date | null; to: Date | null }[] = await tx.query(SPAN, [brand, at]);
    return { from: span?.from ?? null, to: span?.to ?? null, rules: rules.map(ruleOf) };
  }

  /** The newest version of a name. Locks the name, so that version numbers are assigned one at a time. */
  async newestForUpdate(tx: EntityManager, brand: string, name: string): Promise<RuleVersion | null> {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended($1, 3))`, [`earning_rule ${brand} ${name}`]);
    const [newest] = await EARNING_RULES.query(
      tx,
      'select * from earning_rule where brand = $1 and name = $2 order by version desc limit 1',
      [brand, name],
    );
    return newest === undefined ? null : ruleOf(newest);
  }

  /** Number of the newest version of a name; 0 if there is none. */
  async newestVersion(tx: EntityManager, brand: string, name: string): Promise<number> {
    const rows: { version: number }[] = await tx.query(
      `select version from earning_rule where brand = $1 and name = $2 order by version desc limit 1`,
      [brand, name],
    );
    return rows[0]?.version ?? 0;
  }

  /** Stores a version; on commit every instance drops its cached rules of the brand. */
  async add(tx: EntityManager, id: string, version: number, rule: NewRule): Promise<void> {
    const { brand, name, validFrom, validTo, priority, ...terms } = rule;
    await EARNING_RULES.insert(tx, [{ id, brand, name, version, validFrom, validTo, priority, terms }]);
    await tx.query(`select pg_notify('${RULES_CHANNEL}', $1)`, [brand]);
  }

  async find(tx: EntityManager, uuid: string): Promise<RuleVersion | null> {
    return (await this.byId(tx, [uuid]))[0] ?? null;
  }

  async page(
    tx: EntityManager,
    filter: { brand: string | null; name: string | null },
    after: string | null,
    limit: number,
  ): Promise<{ uuid: string; rule: RuleVersion }[]> {
    const rows = await EARNING_RULES.query(
      tx,
      `select * from earning_rule
       where ($1::text is null or brand = $1) and ($2::text is null or name = $2) and ($3::uuid is null or id > $3)
       order by id limit $4`,
      [filter.brand, filter.name, after, limit],
    );
    return rows.map((row) => ({ uuid: row.id, rule: ruleOf(row) }));
  }
}

function ruleOf({ id, terms, createdAt: _, ...rule }: RowOf<typeof EARNING_RULES>): RuleVersion {
  return { ...rule, ...terms, id: idFromUuid('er', id) };
}
