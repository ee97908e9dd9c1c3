import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { FROZEN_ON_RECORD, CONFIRMED_ON_RECORD } from '../cycles/cycles.tables.js';
import { NettingService } from '../netting/netting.service.js';
import type { PriceGroup } from '../netting/netting.js';
import type { FrozenGroup, MatrixCell } from '../netting/netting.tables.js';
import { microToText } from '../statements/money.js';
import type { ChainedStatement } from '../statements/statement.js';
import { StatementFreezeService } from '../statements/statement-freeze.service.js';
import { rootOf } from './verification.js';
import type { Fault, Row } from './verification.js';

/** Results of a freeze. */
export interface Results {
  readonly groups: readonly FrozenGroup[];
  readonly matrix: readonly MatrixCell[];
  readonly statements: readonly ChainedStatement[];
}

const KEPT = [
  { kind: 'group', table: 'frozen_group', of: FROZEN_ON_RECORD, nobody: 'froze' },
  { kind: 'matrix', table: 'frozen_matrix', of: FROZEN_ON_RECORD, nobody: 'froze' },
  { kind: 'statement', table: 'statement', of: FROZEN_ON_RECORD, nobody: 'froze' },
  { kind: 'position', table: 'net_position', of: CONFIRMED_ON_RECORD, nobody: 'confirmed' },
] as const;

/** The stored results of freezes. */
@Injectable()
export class ResultsService {
  constructor(
    private readonly netting: NettingService,
    private readonly statements: StatementFreezeService,
  ) {}

  async of(tx: EntityManager, cycle: string): Promise<Results> {
    return { ...(await this.netting.frozen(tx, cycle)), statements: await this.statements.ofCycle(tx, cycle) };
  }

  /** Digest of all results of the freeze, including those that do not follow from lines, such as the entities of groups. */
  async root(tx: EntityManager, cycle: string): Promise<string> {
    return resultsRootOf(await this.of(tx, cycle));
  }

  /** Results of other cycles that do not exist, or that nobody froze or confirmed by a step on record. */
  async astray(tx: EntityManager, cycle: string): Promise<Fault[]> {
    const faults: Fault[] = [];
    for (const { kind, table, of, nobody } of KEPT) {
      // steps from one cycle to the next, however many rows each has
      const rows: { cycle: string }[] = await tx.query(
        `with recursive one (cycle) as (
           select min(cycle) from ${table}
           union all select (select min(t.cycle) from ${table} t where t.cycle > one.cycle) from one where one.cycle is not null)
         select cycle from one where cycle <> $1 and cycle <> all (array(${of})) order by 1`,
        [cycle],
      );
      for (const { cycle: id } of rows) faults.push({ kind, id, detail: `is of a cycle that nobody ${nobody}` });
    }
    return faults;
  }
}

export function groupId({ payer, payee, kind, asset, priceMicro }: PriceGroup): string {
  return [payer, payee, kind, asset ?? '-', microToText(priceMicro)].join(' ');
}

export function groupSays({ points, amountMicro }: PriceGroup): Row['says'] {
  return { points: points.toString(), amount: microToText(amountMicro) };
}

export function resultsRootOf({ groups, matrix, statements }: Results): string {
  return rootOf([
    ...groups.map((group) => [
      groupId(group),
      groupSays(group),
      group.payerEntity,
      group.payeeEntity,
      group.amount.toString(),
      group.fxRate,
      group.taxBp,
    ]),
    ...matrix.map(({ issuer, redeemer, asset, points, amountMicro }) => [
      issuer,
      redeemer,
      asset,
      points.toString(),
      amountMicro.toString(),
    ]),
    ...statements.map(({ header, hash }) => [header.brand, header.version, hash]),
  ]);
}
