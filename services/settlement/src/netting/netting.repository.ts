import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { bigint, defineRows, numeric, orNull, text } from '#libs/postgres';
import type { Party } from '../parties/party.js';
import { GROUP_KINDS, roundGroup } from './netting.js';
import type { Entities, GroupKind, PriceGroup } from './netting.js';
import { FROZEN_GROUPS, FROZEN_MATRIX } from './netting.tables.js';
import type { FrozenGroup, MatrixCell } from './netting.tables.js';

const GROUPS = defineRows({
  payer: text<Party>(),
  payee: text<Party>(),
  kind: text<GroupKind>(),
  asset: orNull(text()),
  priceMicro: bigint(),
  points: numeric(),
  amountMicro: numeric(),
});

const KIND = `case type ${Object.entries(GROUP_KINDS)
  .flatMap(([type, kind]) => (kind === null ? [] : [`when '${type}' then '${kind}'`]))
  .join(' ')} end`;

const liveGroups = (where: string): string => `
  select payer, payee, ${KIND} as kind, asset, price_micro, sum(points)::text as points, sum(amount_micro)::text as amount_micro
    from line where cycle = $1 and (price_micro <> 0 or fixed_micro <> 0) ${where}
    group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5`;

const LIVE_MATRIX = `
  select $1 as cycle, issuer, redeemer, asset, sum(points) as points, sum(amount_micro) as amount_micro
    from line where cycle = $1 and type in ('redemption', 'redemption_reversal')
    group by issuer, redeemer, asset order by issuer, redeemer, asset`;

const UNDISPUTED = `
  select payer, payee, kind, asset, price_micro, sum(points)::text as points, sum(amount_micro)::text as amount_micro from (
    select payer, payee, kind, asset, price_micro, points, amount_micro from frozen_group where cycle = $1
    union all
    select payer, payee, ${KIND}, asset, price_micro, -points, -amount_micro
      from disputed_line d join line on line.cycle = d.cycle and line.id = d.line_id
     where d.cycle = $1 and (price_micro <> 0 or fixed_micro <> 0)) part
  group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5`;

/** Sums over the lines of a cycle: from the lines themselves, or as frozen. */
@Injectable()
export class NettingRepository {
  liveGroups(tx: EntityManager, cycle: string): Promise<PriceGroup[]> {
    return GROUPS.query(tx, liveGroups(''), [cycle]);
  }

  /** The frozen groups minus disputed lines. Only the disputed lines are read. */
  undisputedGroups(tx: EntityManager, cycle: string): Promise<PriceGroup[]> {
    return GROUPS.query(tx, UNDISPUTED, [cycle]);
  }

  /** Groups of the lines that one party pays or is paid: lines that it reads in full, and other lines of earlier days. */
  groupsOf(tx: EntityManager, cycle: string, party: Party, before: string): Promise<PriceGroup[]> {
    const where = 'and $2 in (payer, payee) and (reader = $2 or day < $3::date)';
    return GROUPS.query(tx, liveGroups(where), [cycle, party, before]);
  }

  liveMatrix(tx: EntityManager, cycle: string): Promise<MatrixCell[]> {
    return FROZEN_MATRIX.query(tx, LIVE_MATRIX, [cycle]);
  }

  /** All groups of a cycle, or those that one party pays or is paid. */
  frozenGroups(tx: EntityManager, cycle: string, party: Party | null = null): Promise<FrozenGroup[]> {
    return FROZEN_GROUPS.query(
      tx,
      `select * from frozen_group where cycle = $1 and ($2::text is null or payer = $2 or payee = $2)
        order by payer, payee, kind, asset, price_micro`,
      [cycle, party],
    );
  }

  frozenMatrix(tx: EntityManager, cycle: string): Promise<MatrixCell[]> {
    return FROZEN_MATRIX.query(tx, 'select * from frozen_matrix where cycle = $1 order by issuer, redeemer, asset', [
      cycle,
    ]);
  }

  async freeze(
    tx: EntityManager,
    cycle: string,
    groups: readonly (PriceGroup & Entities)[],
    matrix: readonly MatrixCell[],
  ): Promise<void> {
    await FROZEN_GROUPS.insert(
      tx,
      groups.map((group) => ({ ...group, cycle, amount: roundGroup(group.amountMicro) })),
    );
    await FROZEN_MATRIX.insert(tx, matrix);
  }
}
