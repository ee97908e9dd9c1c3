import { Inject, Injectable } from '@nestjs/common';
import pLimit from 'p-limit';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { CONFIG } from '#libs/http';
import { DomainError, fail, groupBy, idFromUuid } from '#libs/kernel';
import { isConfirmed, isSealed } from '../cycles/cycle.js';
import type { Cycle, CycleSeal } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import { totalKey } from '../days/day-total.js';
import type { DayLines, DayTotal } from '../days/day-total.js';
import { DaysService } from '../days/days.service.js';
import type { DayRead } from '../days/days.service.js';
import { net, roundGroup } from '../netting/netting.js';
import { NettingService } from '../netting/netting.service.js';
import type { CycleResult } from '../netting/netting.service.js';
import type { FrozenGroup, MatrixCell } from '../netting/netting.tables.js';
import { brandParty, isBrand, partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { positionsOf } from '../positions/position.js';
import type { ConfirmedPosition, Position } from '../positions/position.js';
import { PositionsService } from '../positions/positions.service.js';
import type { SettlementConfig } from '../settlement.config.js';
import { SourcesService } from '../sources/sources.service.js';
import { StatementDraftsService } from '../statements/statement-drafts.service.js';
import { microToText } from '../statements/money.js';
import { counterpartiesOf, totalsDocument } from '../statements/statement.js';
import type { ChainedStatement, FrozenStatement } from '../statements/statement.js';
import { groupId, groupSays, ResultsService, resultsRootOf } from './results.service.js';
import type { Results } from './results.service.js';
import { differences, refuseFaults, refuseUncompared } from './verification.js';
import type { Fault, Row } from './verification.js';

/** Result of verifying a cycle, as of one moment. */
export interface Verification {
  readonly cycle: Cycle;
  readonly lines: bigint;
  readonly faults: readonly Fault[];
  /** Digests of the lines and results that were verified; those of the results only from the freeze on. */
  readonly seal: CycleSeal;
  /** Groups as frozen, before that as computed from the lines so far. */
  readonly groups: CycleResult['groups'];
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
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly cycles: CyclesService,
    private readonly netting: NettingService,
    private readonly drafts: StatementDraftsService,
    private readonly stored: ResultsService,
    private readonly directory: BrandDirectory,
    private readonly positions: PositionsService,
    private readonly days: DaysService,
    private readonly sources: SourcesService,
  ) {}

  /** @throws DomainError `not_found` */
  ofCycle(id: string): Promise<CycleVerification> {
    return this.turn(() => this.verified(id));
  }

  private async verified(
    id: string,
    { whole = false, patienceMs }: { whole?: boolean; patienceMs?: number } = {},
  ): Promise<CycleVerification> {
    const { faults: differing, seen } = await this.sources.differences(
      id,
      (tx) => this.verify(tx, id, whole),
      patienceMs,
    );
    const entities = await this.entities(seen.groups);
    const faults = [...seen.faults, ...(differing ?? []), ...(entities ?? [])];
    return { ...seen, faults, compared: differing !== null && entities !== null };
  }

  /**
   * Lets a confirmation or a close go on where nothing is wrong. Returns digests of the lines and results that were proven, of one moment.
   * @throws DomainError `cycle_unproven`, naming the first faults, `cycle_not_settled` when not everything can be compared
   */
  async prove(id: string): Promise<CycleSeal> {
    return proven(await this.ofCycle(id));
  }

  /**
   * The same before a cycle is sealed, when all of its statements are written.
   * @throws DomainError `cycle_unproven`, `cycle_not_settled`
   */
  proveWritten(id: string): Promise<CycleSeal> {
    return this.turn(async () =>
      proven(await this.verified(id, { whole: true, patienceMs: this.config.freezeWaitMs })),
    );
  }

  /**
   * Lets a freeze go on where the sources agree on lines and entities, and there are no results yet.
   * @throws DomainError `cycle_unproven`, `cycle_not_settled`
   */
  async proveSources(id: string): Promise<void> {
    const groups = await this.sources.prove(id, async (tx) => {
      const cycle = await this.cycleIn(tx, id);
      // another call may have frozen it meanwhile
      const unmade = (await this.written(tx, cycle)) ? [] : await this.unmade(tx, id);
      refuseFaults([...unmade, ...(await this.stored.astray(tx, id))]);
      return (await this.netting.result(tx, cycle)).groups;
    });
    const faults = await this.entities(groups);
    if (faults === null) refuseUncompared();
    else refuseFaults(faults);
  }

  /**
   * The results of a freeze, which must be those that were proven.
   * @throws DomainError `cycle_unproven`
   */
  async provenResults(tx: EntityManager, cycle: string, { resultsRoot }: CycleSeal): Promise<Results> {
    const results = await this.stored.of(tx, cycle);
    if (resultsRootOf(results) !== resultsRoot)
      refuseFaults([{ kind: 'seal', id: 'results', detail: 'were changed after they were proven' }]);
    return results;
  }

  /** Refuses results that are not those that were proven, and positions, about to be published, that do not follow from them. */
  async refuseChanged(
    tx: EntityManager,
    cycle: string,
    seal: CycleSeal,
    positions: readonly ConfirmedPosition[],
  ): Promise<void> {
    const { groups } = await this.provenResults(tx, cycle, seal);
    refuseFaults(positionFaults(positions, positionsOf(net(groups).positions, []), true));
  }

  private async cycleIn(tx: EntityManager, id: string): Promise<Cycle> {
    return (await this.cycles.listIn(tx)).find((cycle) => cycle.id === id) ?? fail('not_found');
  }

  /**
   * Verifies a cycle. Before the freeze there are only lines to check, and while it is written what there is of it: no more than follows from
   * the lines. The transaction must see all rows.
   * @param whole the cycle is being frozen, and all of its statements are written
   */
  async verify(tx: EntityManager, id: string, whole = false): Promise<Verification> {
    const cycle = await this.cycleIn(tx, id);
    const sealed = isSealed(cycle.status);
    const progress = await this.cycles.freezeOf(tx, id);
    const written = await this.written(tx, cycle);
    const results = await this.stored.of(tx, id);
    const newest = new Map(results.statements.map((statement) => [statement.header.brand, statement]));
    // a brand without lines is told so if it had joined by then
    const joined = sealed ? null : new Set(await this.brandsIn(tx, cycle.currency));
    const told = [...newest.keys()].filter((brand) => joined?.has(brand) !== false);
    const draft = await this.drafts.draft(tx, id, told, (brand) => headerOf(cycle, brand, newest.get(brand)));
    const faults = [...draft.changed.map(changedLine), ...(await this.disputes(tx, id))];
    const kept = await this.days.kept(tx, id);
    const closed = (day: string): boolean => written || kept.days.has(day);
    faults.push(
      ...(await this.dayFaults(tx, id, kept, {
        days: new Map([...draft.days].filter(([day]) => closed(day))),
        totals: draft.totals.filter(({ day }) => closed(day)),
      })),
      ...(await this.stored.astray(tx, id)),
    );
    const seal = { lineCount: draft.lineCount, linesRoot: draft.linesRoot, resultsRoot: resultsRootOf(results) };
    if (written) {
      const derived = await this.netting.fromLines(tx, id);
      const { positions: nets } = net(derived.groups);
      const made = [...draft.statements]
        .filter(([brand]) => sealed || whole || newest.has(brand))
        .map(([brand, statement]) => {
          const party = brandParty(brand);
          return statement.finish(nets.get(party) ?? 0n, counterpartiesOf(party, derived.groups));
        });
      faults.push(
        ...resultFaults(results, derived),
        ...differences('statement', [...newest.values()].map(statementRow), made.map(statementRow)),
        ...chainFaults(results.statements),
        ...differences('seal', progress === null ? [] : [progressOf(progress.stage, progress)], [
          progressOf(sealed ? 'done' : 'statements', seal),
        ]),
      );
    } else faults.push(...(await this.unmade(tx, id)));
    if (sealed) {
      const all = (await this.cycles.listIn(tx)).filter(({ currency }) => currency === cycle.currency);
      faults.push(...(await this.cycles.faults(tx, cycle, all)), ...(await this.sealFaults(tx, id, seal)));
    }
    const nets = isConfirmed(cycle.status) ? await this.positions.fromLines(tx, id) : [];
    faults.push(...positionFaults(await this.positions.ofCycle(tx, id), nets, isConfirmed(cycle.status)));
    const { groups } = await this.netting.result(tx, cycle);
    return { cycle, lines: draft.lineCount, faults, seal, groups };
  }

  /** Whether a freeze has written results of a cycle, if not yet all of its statements. */
  private async written(tx: EntityManager, { id, status }: Cycle): Promise<boolean> {
    if (isSealed(status)) return true;
    return status === 'freezing' && (await this.cycles.freezeOf(tx, id))?.stage === 'statements';
  }

  /** Results of a cycle that has none yet. */
  private async unmade(tx: EntityManager, cycle: string): Promise<Fault[]> {
    const results = await this.stored.of(tx, cycle);
    return [
      ...resultFaults(results, { groups: [], matrix: [] }),
      ...differences('statement', results.statements.map(statementRow), []),
    ];
  }

  private async brandsIn(tx: EntityManager, currency: string): Promise<string[]> {
    return (await this.directory.list(tx)).filter((brand) => brand.currency === currency).map(({ slug }) => slug);
  }

  /** Reads a day of lines. Names changed lines, and stored results of the day that do not follow from its lines. */
  async day(tx: EntityManager, cycle: string, day: string): Promise<{ read: DayRead; faults: Fault[] }> {
    const read = await this.days.read(tx, cycle, day);
    const kept = await this.days.kept(tx, cycle, day);
    // a day that was not closed has nothing to compare with
    const derived = kept.days.has(day)
      ? { days: new Map([[day, read]]), totals: read.totals }
      : { days: new Map<string, DayLines>(), totals: [] };
    return { read, faults: [...read.changed.map(changedLine), ...(await this.dayFaults(tx, cycle, kept, derived))] };
  }

  /** Stored days that do not follow from their lines, or that were first closed with other lines or totals. */
  private async dayFaults(tx: EntityManager, cycle: string, kept: KeptDays, derived: Days): Promise<Fault[]> {
    const row = (day: string, legs: bigint): Row => ({ id: day, says: { legs: legs.toString() } });
    const faults = [
      ...differences('day', kept.totals.map(totalOf), derived.totals.map(totalOf)),
      ...differences(
        'day',
        [...kept.days].map(([day, legs]) => row(day, legs)),
        [...derived.days].map(([day, { legs }]) => row(day, legs)),
      ),
    ];
    if (faults.length > 0) return faults;
    const totals = groupBy(derived.totals, ({ day }) => day);
    for (const [day, lines] of derived.days) {
      if (await this.days.keptAs(tx, cycle, day, lines, totals.get(day) ?? [])) continue;
      faults.push({ kind: 'day', id: day, detail: 'was not closed with these lines and totals' });
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

  /** Groups that are not settled by the legal entities of their brands, which never change. Null: partners gave no answer. */
  private async entities(groups: CycleResult['groups']): Promise<Fault[] | null> {
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

  private async sealFaults(tx: EntityManager, id: string, found: CycleSeal): Promise<Fault[]> {
    const stored = await this.cycles.seal(tx, id);
    const faults = differences('seal', stored === null ? [] : [sealRow(stored)], [sealRow(found)]);
    if (faults.length > 0 || (await this.cycles.sealedAs(tx, id, found))) return faults;
    return [{ kind: 'seal', id: 'freeze', detail: 'is not the one that the freeze put on record' }];
  }
}

/** @throws DomainError `cycle_unproven`, `cycle_not_settled` */
function proven({ faults, compared, seal }: CycleVerification): CycleSeal {
  refuseFaults(faults);
  return compared ? seal : refuseUncompared();
}

function linesOf({ lineCount, linesRoot }: Omit<CycleSeal, 'resultsRoot'>): Row['says'] {
  return { lines: lineCount.toString(), linesRoot };
}

function sealRow(seal: CycleSeal): Row {
  return { id: 'freeze', says: { ...linesOf(seal), resultsRoot: seal.resultsRoot } };
}

function progressOf(stage: string, lines: Omit<CycleSeal, 'resultsRoot'>): Row {
  return { id: 'progress of the freeze', says: { stage, ...linesOf(lines) } };
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

/** Nothing is converted and nothing taxed. */
const NO_RATES = { fxRate: '1', taxBp: '0' };

function ratesOf({ fxRate, taxBp }: FrozenGroup): typeof NO_RATES {
  return { fxRate: Number(fxRate).toString(), taxBp: taxBp.toString() };
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

function resultFaults(
  results: Pick<Results, 'groups' | 'matrix'>,
  derived: Awaited<ReturnType<NettingService['fromLines']>>,
): Fault[] {
  return [
    ...differences(
      'group',
      results.groups.map((group) => ({
        id: groupId(group),
        says: { ...groupSays(group), rounded: group.amount.toString(), ...ratesOf(group) },
      })),
      derived.groups.map((group) => ({
        id: groupId(group),
        says: { ...groupSays(group), rounded: roundGroup(group.amountMicro).toString(), ...NO_RATES },
      })),
    ),
    ...differences('matrix', results.matrix.map(cellRow), derived.matrix.map(cellRow)),
  ];
}

interface Days {
  readonly days: ReadonlyMap<string, DayLines>;
  readonly totals: readonly DayTotal[];
}

/** Number of lines by day, and the totals, as stored. */
type KeptDays = Awaited<ReturnType<DaysService['kept']>>;

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
