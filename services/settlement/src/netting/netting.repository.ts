import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { MEMBERS, OPERATOR } from '../entries/line.js';
import { roundGroup } from './netting.js';
import type { PriceGroup } from './netting.js';

/** Redemptions of one issuer's points at one redeemer, give-backs deducted. */
export interface MatrixCell {
  readonly issuer: string;
  readonly redeemer: string;
  readonly points: bigint;
  readonly amountMicro: bigint;
}

interface GroupRow {
  payer: string;
  payee: string;
  fee: boolean;
  price_micro: bigint;
  points: string;
  amount_micro: string;
}

interface CellRow {
  issuer: string;
  redeemer: string;
  points: string;
  amount_micro: string;
}

const LIVE_GROUPS = `
  select payer, payee, type in ('fee', 'fee_reversal') as fee, price_micro,
      sum(points)::text as points, sum(amount_micro)::text as amount_micro
    from line where cycle = $1 and (price_micro <> 0 or fixed_micro <> 0)
    group by 1, 2, 3, 4 order by 1, 2, 3, 4`;

const LIVE_MATRIX = `
  select issuer, redeemer, sum(points)::text as points, sum(amount_micro)::text as amount_micro
    from line where cycle = $1 and type in ('redemption', 'redemption_reversal')
    group by 1, 2 order by 1, 2`;

/** Sums over the lines of a cycle: from the lines themselves, or as they were when it was frozen. */
@Injectable()
export class NettingRepository {
  async liveGroups(tx: EntityManager, cycle: string): Promise<PriceGroup[]> {
    return (await tx.query<GroupRow[]>(LIVE_GROUPS, [cycle])).map(groupOf);
  }

  async liveMatrix(tx: EntityManager, cycle: string): Promise<MatrixCell[]> {
    return (await tx.query<CellRow[]>(LIVE_MATRIX, [cycle])).map(cellOf);
  }

  async frozenGroups(tx: EntityManager, cycle: string): Promise<PriceGroup[]> {
    const rows = await tx.query<GroupRow[]>(
      `select payer, payee, fee, price_micro, points::text, amount_micro::text
         from frozen_group where cycle = $1 order by 1, 2, 3, 4`,
      [cycle],
    );
    return rows.map(groupOf);
  }

  async frozenMatrix(tx: EntityManager, cycle: string): Promise<MatrixCell[]> {
    const rows = await tx.query<CellRow[]>(
      `select issuer, redeemer, points::text, amount_micro::text from frozen_matrix where cycle = $1 order by 1, 2`,
      [cycle],
    );
    return rows.map(cellOf);
  }

  async freeze(
    tx: EntityManager,
    cycle: string,
    groups: readonly PriceGroup[],
    matrix: readonly MatrixCell[],
  ): Promise<void> {
    await tx.query(
      `insert into frozen_group (cycle, payer, payee, fee, price_micro, points, amount_micro, amount)
       select $1, * from unnest($2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::numeric[], $7::numeric[], $8::bigint[])`,
      [
        cycle,
        groups.map((group) => group.payer),
        groups.map((group) => group.payee),
        groups.map((group) => group.fee),
        groups.map((group) => group.priceMicro.toString()),
        groups.map((group) => group.points.toString()),
        groups.map((group) => group.amountMicro.toString()),
        groups.map((group) => roundGroup(group.amountMicro).toString()),
      ],
    );
    await tx.query(
      `insert into frozen_matrix (cycle, issuer, redeemer, points, amount_micro)
       select $1, * from unnest($2::text[], $3::text[], $4::numeric[], $5::numeric[])`,
      [
        cycle,
        matrix.map((cell) => cell.issuer),
        matrix.map((cell) => cell.redeemer),
        matrix.map((cell) => cell.points.toString()),
        matrix.map((cell) => cell.amountMicro.toString()),
      ],
    );
  }

  /** Sum of the rounded figures as stored, payer side against payee side, by cycle; every one must be 0. */
  async storedSums(tx: EntityManager): Promise<{ cycle: string; sum: bigint }[]> {
    const rows = await tx.query<{ cycle: string; sum: string }[]>(`
      select cycle, sum(net)::text as sum from (
        select cycle, net from statement
        union all select cycle, amount from frozen_group where fee or payee in ('${OPERATOR}', '${MEMBERS}')
        union all select cycle, -amount from frozen_group where payer in ('${OPERATOR}', '${MEMBERS}')) parts
      group by cycle order by cycle`);
    return rows.map((row) => ({ cycle: row.cycle, sum: BigInt(row.sum) }));
  }
}

function groupOf(row: GroupRow): PriceGroup {
  return {
    payer: row.payer,
    payee: row.payee,
    fee: row.fee,
    priceMicro: row.price_micro,
    points: BigInt(row.points),
    amountMicro: BigInt(row.amount_micro),
  };
}

function cellOf(row: CellRow): MatrixCell {
  return {
    issuer: row.issuer,
    redeemer: row.redeemer,
    points: BigInt(row.points),
    amountMicro: BigInt(row.amount_micro),
  };
}
