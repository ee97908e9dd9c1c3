import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Party } from '../parties/party.js';
import { GROUP_KINDS, roundGroup } from './netting.js';
import type { Entities, GroupKind, PriceGroup } from './netting.js';

/** Redemptions of one issuer's points at one redeemer, give-backs deducted. */
export interface MatrixCell {
  readonly issuer: Party;
  readonly redeemer: Party;
  readonly asset: string;
  readonly points: bigint;
  readonly amountMicro: bigint;
}

/** A group as it was frozen, with its rounded figure and the rates it was frozen at. */
export interface FrozenGroup extends PriceGroup, Entities {
  readonly amount: bigint;
  readonly fxRate: string;
  readonly taxBp: number;
}

interface GroupRow {
  payer: Party;
  payee: Party;
  kind: GroupKind;
  asset: string | null;
  price_micro: bigint;
  points: string;
  amount_micro: string;
}

interface FrozenGroupRow extends GroupRow {
  amount: string;
  payer_entity: string | null;
  payee_entity: string | null;
  fx_rate: string;
  tax_bp: number;
}

interface CellRow {
  issuer: Party;
  redeemer: Party;
  asset: string;
  points: string;
  amount_micro: string;
}

const KIND = `case type ${Object.entries(GROUP_KINDS)
  .flatMap(([type, kind]) => (kind === null ? [] : [`when '${type}' then '${kind}'`]))
  .join(' ')} end`;

const liveGroups = (where: string): string => `
  select payer, payee, ${KIND} as kind, asset, price_micro, sum(points)::text as points, sum(amount_micro)::text as amount_micro
    from line where cycle = $1 and (price_micro <> 0 or fixed_micro <> 0) ${where}
    group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5`;

const LIVE_MATRIX = `
  select issuer, redeemer, asset, sum(points)::text as points, sum(amount_micro)::text as amount_micro
    from line where cycle = $1 and type in ('redemption', 'redemption_reversal')
    group by 1, 2, 3 order by 1, 2, 3`;

const UNDISPUTED = `
  select payer, payee, kind, asset, price_micro, sum(points)::text as points, sum(amount_micro)::text as amount_micro from (
    select payer, payee, kind, asset, price_micro, points, amount_micro from frozen_group where cycle = $1
    union all
    select payer, payee, ${KIND}, asset, price_micro, -points, -amount_micro
      from disputed_line d join line on line.cycle = d.cycle and line.id = d.line_id
     where d.cycle = $1 and (price_micro <> 0 or fixed_micro <> 0)) part
  group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5`;

/** Sums over the lines of a cycle: from the lines themselves, or as they were when it was frozen. */
@Injectable()
export class NettingRepository {
  async liveGroups(tx: EntityManager, cycle: string): Promise<PriceGroup[]> {
    return (await tx.query<GroupRow[]>(liveGroups(''), [cycle])).map(groupOf);
  }

  /** The frozen groups less what is in dispute, which alone is read of the lines. */
  async undisputedGroups(tx: EntityManager, cycle: string): Promise<PriceGroup[]> {
    return (await tx.query<GroupRow[]>(UNDISPUTED, [cycle])).map(groupOf);
  }

  /** Groups of the lines that one party pays or is paid: those that it reads in full, and the others of days before one. */
  async groupsOf(tx: EntityManager, cycle: string, party: Party, before: string): Promise<PriceGroup[]> {
    const where = 'and $2 in (payer, payee) and (reader = $2 or day < $3::date)';
    return (await tx.query<GroupRow[]>(liveGroups(where), [cycle, party, before])).map(groupOf);
  }

  async liveMatrix(tx: EntityManager, cycle: string): Promise<MatrixCell[]> {
    return (await tx.query<CellRow[]>(LIVE_MATRIX, [cycle])).map(cellOf);
  }

  /** All groups of a cycle, or those that one party pays or is paid. */
  async frozenGroups(tx: EntityManager, cycle: string, party: Party | null = null): Promise<FrozenGroup[]> {
    const rows = await tx.query<FrozenGroupRow[]>(
      `select payer, payee, kind, asset, price_micro, points::text, amount_micro::text, amount::text, payer_entity, payee_entity,
          fx_rate::text, tax_bp
         from frozen_group where cycle = $1 and ($2::text is null or payer = $2 or payee = $2) order by 1, 2, 3, 4, 5`,
      [cycle, party],
    );
    return rows.map((row) => ({
      ...groupOf(row),
      amount: BigInt(row.amount),
      payerEntity: row.payer_entity,
      payeeEntity: row.payee_entity,
      fxRate: row.fx_rate,
      taxBp: row.tax_bp,
    }));
  }

  async frozenMatrix(tx: EntityManager, cycle: string): Promise<MatrixCell[]> {
    const rows = await tx.query<CellRow[]>(
      `select issuer, redeemer, asset, points::text, amount_micro::text from frozen_matrix where cycle = $1 order by 1, 2, 3`,
      [cycle],
    );
    return rows.map(cellOf);
  }

  async freeze(
    tx: EntityManager,
    cycle: string,
    groups: readonly (PriceGroup & Entities)[],
    matrix: readonly MatrixCell[],
  ): Promise<void> {
    await tx.query(
      `insert into frozen_group (cycle, payer, payee, kind, asset, price_micro, points, amount_micro, amount, payer_entity, payee_entity)
       select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::numeric[], $8::numeric[], $9::numeric[],
         $10::text[], $11::text[])`,
      [
        cycle,
        groups.map((group) => group.payer),
        groups.map((group) => group.payee),
        groups.map((group) => group.kind),
        groups.map((group) => group.asset),
        groups.map((group) => group.priceMicro.toString()),
        groups.map((group) => group.points.toString()),
        groups.map((group) => group.amountMicro.toString()),
        groups.map((group) => roundGroup(group.amountMicro).toString()),
        groups.map((group) => group.payerEntity),
        groups.map((group) => group.payeeEntity),
      ],
    );
    await tx.query(
      `insert into frozen_matrix (cycle, issuer, redeemer, asset, points, amount_micro)
       select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::numeric[], $6::numeric[])`,
      [
        cycle,
        matrix.map((cell) => cell.issuer),
        matrix.map((cell) => cell.redeemer),
        matrix.map((cell) => cell.asset),
        matrix.map((cell) => cell.points.toString()),
        matrix.map((cell) => cell.amountMicro.toString()),
      ],
    );
  }
}

function groupOf(row: GroupRow): PriceGroup {
  return {
    payer: row.payer,
    payee: row.payee,
    kind: row.kind,
    asset: row.asset,
    priceMicro: row.price_micro,
    points: BigInt(row.points),
    amountMicro: BigInt(row.amount_micro),
  };
}

function cellOf(row: CellRow): MatrixCell {
  return {
    issuer: row.issuer,
    redeemer: row.redeemer,
    asset: row.asset,
    points: BigInt(row.points),
    amountMicro: BigInt(row.amount_micro),
  };
}
