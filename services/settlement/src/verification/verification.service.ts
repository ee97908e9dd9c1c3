import { Injectable } from '@nestjs/common';
import pLimit from 'p-limit';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { DomainError, groupBy, idFromUuid } from '#libs/kernel';
import { runAudit } from '#libs/postgres';
import { isConfirmed, isSealed } from '../cycles/cycle.js';
import type { Cycle, CycleSeal } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import { totalKey } from '../days/day-total.js';
import type { DayTotal } from '../days/day-total.js';
import { DaysService } from '../days/days.service.js';
import type { DayRead } from '../days/days.service.js';
import { net, roundGroup } from '../netting/netting.js';
import type { PriceGroup } from '../netting/netting.js';
import { NettingService } from '../netting/netting.service.js';
import type { FrozenGroup, MatrixCell } from '../netting/netting.tables.js';
import { brandParty, isBrand, partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { positionsOf } from '../positions/position.js';
import type { ConfirmedPosition, Position } from '../positions/position.js';
import { PositionsService } from '../positions/positions.service.js';
import { SourcesService } from '../sources/sources.service.js';
import { StatementDraftsService } from '../statements/statement-drafts.service.js';
import { StatementFreezeService } from '../statements/statement-freeze.service.js';
import { microToText } from '../statements/money.js';
import { counterpartiesOf, totalsDocument } from '../statements/statement.js';
import type { ChainedStatement, FrozenStatement } from '../statements/statement.js';
import { differences, refuseFaults, refuseUncompared, rootOf } from './verification.js';
import type { Fault, Row } from './verification.js';

export interface Verification {
  readonly cycle: Cycle;
  readonly lines: bigint;
  readonly faults: readonly Fault[];
  /** Digest of the results that were verified; empty before the freeze. */
  readonly resultsRoot: string;
}

/** Result of a verification requested by the operator. */
export interface CycleVerification extends Verification {
  /** Whether it was compared with its sources. False: a service did not answer or is still sending, or an event waits. */
  readonly compared: boolean;
}

/** Most verifications at once: each reads a whole cycle, and others need connections, too. */
const MOST_AT_ONCE = 2;

/**
 * Verifies a cycle from its lines: recomputes the results of freeze and confirmation and compares them row by row. Of the stored
 * data only the digests are trusted, and those are compared with each other.
 */
@Injectable()
export class VerificationService {
  private readonly turn = pLimit(MOST_AT_ONCE);

  constructor(
    private readonly dataSource: DataSource,
    private readonly cycles: CyclesService,
    private readonly netting: NettingService,
    private readonly drafts: StatementDraftsService,
    private readonly statements: StatementFreezeService,
    private readonly positions: PositionsService,
    private readonly days: DaysService,
    private readonly sources: SourcesService,
  ) {}

  /** @throws DomainError `not_found` */
  ofCycle(id: string): Promise<CycleVerification> {
    return this.turn(() => this.verified(id));
  }

  private async verified(id: string): Promise<CycleVerification> {
    const cycle = await this.cycles.get(id);
    const found = await runAudit(this.dataSource, (tx) => this.verify(tx, cycle));
    const differences = await this.sources.differences(id);
    const entities = await this.entities(cycle);
    const faults = [...found.faults, ...(differences ?? []), ...(entities ?? [])];
    return { ...found, faults, compared: differences !== null && entities !== null };
  }

  /**
   * Lets a confirmation or a close go on where nothing is wrong. Returns the digest of the results that were proven.
   * @throws DomainError `cycle_unproven`, naming the first faults, `cycle_not_settled` when not everything can be compared
   */
  async prove(id: string): Promise<string> {
    const { faults, compared, resultsRoot } = await this.ofCycle(id);
    refuseFaults(faults);
    if (!compared) refuseUncompared();
    return resultsRoot;
  }

  /**
   * Lets a freeze go on where the sources agree on lines and entities.
   * @throws DomainError `cycle_unproven`, `cycle_not_settled`
   */
  async proveSources(id: string): Promise<void> {
    await this.sources.prove(id);
    const faults = await this.entities(await this.cycles.get(id));
    if (faults === null) refuseUncompared();
    else refuseFaults(faults);
  }

  /** Refuses results that are not those that were proven, and positions, about to be published, that do not follow from them. */
  async refuseChanged(
    tx: EntityManager,
    cycle: string,
    proven: string,
    positions: readonly ConfirmedPosition[],
  ): Promise<void> {
    const results = await this.frozen(tx, cycle);
    if (resultsRootOf(results) !== proven)
      refuseFaults([{ kind: 'seal', id: 'results', detail: 'were changed after they were proven' }]);
    refuseFaults(positionFaults(positions, positionsOf(net(results.groups).positions, []), true));
  }

  /** Verifies a cycle. Before the freeze there are only lines to check. The transaction must see all rows. */
  async verify(tx: EntityManager, cycle: Cycle): Promise<Verification> {
    const stored = await this.statements.ofCycle(tx, cycle.id);
    const newest = new Map(stored.map((statement) => [statement.header.brand, statement]));
    const draft = await this.drafts.draft(tx, cycle.id, [...newest.keys()], (brand) =>
      headerOf(cycle, brand, newest.get(brand)),
    );
    const faults = [...draft.changed.map(changedLine), ...(await this.disputes(tx, cycle.id))];
    const kept = await this.days.kept(tx, cycle.id);
    const closed = (day: string): boolean => isSealed(cycle.status) || kept.days.has(day);
    faults.push(
      ...(await this.dayFaults(tx, cycle.id, kept, {
        days: new Map([...draft.days].filter(([day]) => closed(day))),
        totals: draft.totals.filter(({ day }) => closed(day)),
      })),
    );
    let resultsRoot = '';
    if (isSealed(cycle.status)) {
      resultsRoot = await this.resultsRoot(tx, cycle.id);
      const all = (await this.cycles.listIn(tx)).filter(({ currency }) => currency === cycle.currency);
      faults.push(...(await this.cycles.faults(tx, cycle, all)));
      const derived = await this.netting.fromLines(tx, cycle.id);
      const { positions: nets } = net(derived.groups);
      const made = [...draft.statements].map(([brand, statement]) => {
        const party = brandParty(brand);
        return statement.finish(nets.get(party) ?? 0n, counterpartiesOf(party, derived.groups));
      });
      faults.push(
        ...(await this.results(tx, cycle, derived)),
        ...differences('statement', [...newest.values()].map(statementRow), made.map(statementRow)),
        ...chainFaults(stored),
        ...(await this.sealFaults(tx, cycle.id, {
          lineCount: draft.lineCount,
          linesRoot: draft.linesRoot,
          resultsRoot,
        })),
      );
    } else if (cycle.status !== 'freezing') {
      faults.push(
        ...(await this.results(tx, cycle, { groups: [], matrix: [] })),
        ...differences('statement', [...newest.values()].map(statementRow), []),
      );
    }
    const nets = isConfirmed(cycle.status) ? await this.positions.fromLines(tx, cycle.id) : [];
    faults.push(...positionFaults(await this.positions.ofCycle(tx, cycle.id), nets, isConfirmed(cycle.status)));
    return { cycle, lines: draft.lineCount, faults, resultsRoot };
  }

  /** Reads a day of lines. Names changed lines, and stored results of the day that do not follow from its lines. */
  async day(tx: EntityManager, cycle: string, day: string): Promise<{ read: DayRead; faults: Fault[] }> {
    const read = await this.days.read(tx, cycle, day);
    const kept = await this.days.kept(tx, cycle, day);
    // a day that was not closed has nothing to compare with
    const derived = kept.days.has(day)
      ? { days: new Map([[day, read.legs]]), totals: read.totals }
      : { days: new Map<string, bigint>(), totals: [] };
    return { read, faults: [...read.changed.map(changedLine), ...(await this.dayFaults(tx, cycle, kept, derived))] };
  }

  /** Stored days that do not follow from their lines, or that were first closed with other totals. */
  private async dayFaults(tx: EntityManager, cycle: string, kept: Days, derived: Days): Promise<Fault[]> {
    const rows = ({ days }: Days): Row[] =>
      [...days].map(([day, legs]) => ({ id: day, says: { legs: legs.toString() } }));
    const faults = [
      ...differences('day', kept.totals.map(totalOf), derived.totals.map(totalOf)),
      ...differences('day', rows(kept), rows(derived)),
    ];
    if (faults.length > 0) return faults;
    const totals = groupBy(kept.totals, ({ day }) => day);
    for (const [day, legs] of kept.days) {
      if (await this.days.keptAs(tx, cycle, day, legs, totals.get(day) ?? [])) continue;
      faults.push({ kind: 'day', id: day, detail: 'was not closed with these totals' });
    }
    return faults;
  }

  /** Lines marked as disputed. Nothing in the service opens disputes, so the mark is unauthorized. */
  async disputes(tx: EntityManager, cycle: string): Promise<Fault[]> {
    return (await this.positions.disputed(tx, cycle)).map((id) => ({
      kind: 'dispute',
      id: idFromUuid('ln', id),
      detail: 'was opened by nobody',
    }));
  }

  /** Digest of all results of the freeze, including those that do not follow from lines, such as the entities of groups. */
  async resultsRoot(tx: EntityManager, cycle: string): Promise<string> {
    return resultsRootOf(await this.frozen(tx, cycle));
  }

  private async frozen(tx: EntityManager, cycle: string): Promise<Results> {
    return { ...(await this.netting.frozen(tx, cycle)), statements: await this.statements.ofCycle(tx, cycle) };
  }

  /** Groups that are not settled by the legal entities of their brands, which never change. Null: partners gave no answer. */
  private async entities(cycle: Cycle): Promise<Fault[] | null> {
    const { groups } = await runAudit(this.dataSource, (tx) => this.netting.result(tx, cycle));
    const parties = new Set(groups.flatMap(({ payer, payee }) => [payer, payee]));
    const entities = new Map<Party, string | null>();
    try {
      for (const party of parties)
        if (isBrand(party)) entities.set(party, (await this.netting.entityOf(partyName(party))) ?? null);
    } catch (error) {
      if (error instanceof DomainError) return null;
      throw error;
    }
    const says = (payer: string | null, payee: string | null) => ({
      payerEntity: payer ?? 'none',
      payeeEntity: payee ?? 'none',
    });
    return differences(
      'group',
      groups.map((group) => ({ id: groupId(group), says: says(group.payerEntity, group.payeeEntity) })),
      groups.map((group) => {
        const [payer, payee] = [group.payer, group.payee].map((party) => entities.get(party) ?? null);
        return { id: groupId(group), says: says(payer ?? null, payee ?? null) };
      }),
    );
  }

  private async results(
    tx: EntityManager,
    cycle: Cycle,
    derived: Awaited<ReturnType<NettingService['fromLines']>>,
  ): Promise<Fault[]> {
    const frozen = await this.netting.frozen(tx, cycle.id);
    return [
      ...differences(
        'group',
        frozen.groups.map((group) => ({
          id: groupId(group),
          says: { ...groupSays(group), rounded: group.amount.toString(), ...ratesOf(group) },
        })),
        derived.groups.map((group) => ({
          id: groupId(group),
          says: { ...groupSays(group), rounded: roundGroup(group.amountMicro).toString(), ...NO_RATES },
        })),
      ),
      ...differences('matrix', frozen.matrix.map(cellRow), derived.matrix.map(cellRow)),
    ];
  }

  private async sealFaults(tx: EntityManager, id: string, found: CycleSeal): Promise<Fault[]> {
    const linesOf = ({ lineCount, linesRoot }: Omit<CycleSeal, 'resultsRoot'>): Row['says'] => ({
      lines: lineCount.toString(),
      linesRoot,
    });
    const rowOf = (seal: CycleSeal): Row => ({
      id: 'freeze',
      says: { ...linesOf(seal), resultsRoot: seal.resultsRoot },
    });
    const progressOf = (stage: string, lines: Omit<CycleSeal, 'resultsRoot'>): Row => ({
      id: 'progress of the freeze',
      says: { stage, ...linesOf(lines) },
    });
    const [stored, progress] = [await this.cycles.seal(tx, id), await this.cycles.freezeOf(tx, id)];
    const faults = [
      ...differences('seal', stored === null ? [] : [rowOf(stored)], [rowOf(found)]),
      ...differences('seal', progress === null ? [] : [progressOf(progress.stage, progress)], [
        progressOf('done', found),
      ]),
    ];
    if (faults.length > 0 || (await this.cycles.sealedAs(tx, id, found))) return faults;
    return [{ kind: 'seal', id: 'freeze', detail: 'is not the one that the freeze put on record' }];
  }
}

function headerOf(cycle: Cycle, brand: string, told: ChainedStatement | undefined): FrozenStatement['header'] {
  return {
    cycle: cycle.id,
    brand,
    version: told?.header.version ?? 1,
    currency: cycle.currency,
    previousHash: told?.hashBefore ?? null,
  };
}

function groupId({ payer, payee, kind, asset, priceMicro }: PriceGroup): string {
  return [payer, payee, kind, asset ?? '-', microToText(priceMicro)].join(' ');
}

/** Nothing is converted and nothing taxed. */
const NO_RATES = { fxRate: '1', taxBp: '0' };

function ratesOf({ fxRate, taxBp }: FrozenGroup): typeof NO_RATES {
  return { fxRate: Number(fxRate).toString(), taxBp: taxBp.toString() };
}

function groupSays({ points, amountMicro }: PriceGroup): Row['says'] {
  return { points: points.toString(), amount: microToText(amountMicro) };
}

function cellRow(cell: MatrixCell): Row {
  const { issuer, redeemer, asset, points, amountMicro } = cell;
  return {
    id: `${issuer} ${redeemer} ${asset}`,
    says: { points: points.toString(), amount: microToText(amountMicro) },
  };
}

function changedLine(id: string): Fault {
  return { kind: 'line', id: idFromUuid('ln', id), detail: 'does not say what it was written with' };
}

interface Results extends Awaited<ReturnType<NettingService['frozen']>> {
  readonly statements: readonly ChainedStatement[];
}

function resultsRootOf({ groups, matrix, statements }: Results): string {
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

interface Days {
  readonly days: ReadonlyMap<string, bigint>;
  readonly totals: readonly DayTotal[];
}

function totalOf(total: DayTotal): Row {
  const { reader, legs, points, amountMicro, root } = total;
  return {
    id: `${reader} ${totalKey(total)}`,
    says: { legs: legs.toString(), points: points.toString(), amount: microToText(amountMicro), root },
  };
}

/** Positions that are not these, are in dispute, or were confirmed by nobody. */
function positionFaults(
  stored: readonly ConfirmedPosition[],
  derived: readonly Position[],
  confirmed: boolean,
): Fault[] {
  const nets = new Map(derived.map(({ party, net: value }) => [party, value]));
  // a party without lines has nothing to pay or receive
  const parties = confirmed ? new Set([...stored.map(({ party }) => party), ...nets.keys()]) : [];
  return differences(
    'position',
    stored.map(positionRow),
    [...parties].map((party) => positionRow({ party, net: nets.get(party) ?? 0n, disputed: 0n })),
  );
}

function positionRow({ party, net: value, disputed }: { party: Party; net: bigint; disputed: bigint }): Row {
  return { id: party, says: { net: value.toString(), disputed: disputed.toString() } };
}

function statementRow({ header, totals, net: value, hash }: FrozenStatement): Row {
  const { lines, ...sums } = totalsDocument(totals, value);
  const told = { ...lines, ...sums, currency: header.currency, previousHash: header.previousHash, hash };
  return {
    id: `${header.brand} v${header.version}`,
    says: Object.fromEntries(Object.entries(told).map(([field, content]) => [field, String(content)])),
  };
}

/** Checks that each statement, in every version, follows the one before it. */
function chainFaults(stored: readonly ChainedStatement[]): Fault[] {
  return stored
    .filter(({ header, hashBefore }) => header.previousHash !== hashBefore)
    .map(({ header, hashBefore }) => ({
      kind: 'statement',
      id: `${header.brand} v${header.version}`,
      detail: `follows ${header.previousHash ?? 'none'}, should follow ${hashBefore ?? 'none'}`,
    }));
}
