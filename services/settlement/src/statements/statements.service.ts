import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { decodeCursor, fail, pageOf, parseInstant } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { isSealed } from '../cycles/cycle.js';
import type { Cycle, CycleStatus } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import { DaysService } from '../days/days.service.js';
import { net } from '../netting/netting.js';
import { NettingService } from '../netting/netting.service.js';
import { brandParty } from '../parties/party.js';
import { RowsService, TOTAL } from './rows.service.js';
import type { RowPosition, StatementLine } from './rows.service.js';
import { counterpartiesOf, EMPTY_TOTALS, trailerDocument } from './statement.js';
import type { StatementHeader } from './statement.js';
import { StatementsRepository } from './statements.repository.js';

/** A statement on the wire. Before the freeze it is a preview without hash and final version. */
export type StatementDocument = StatementHeader &
  ReturnType<typeof trailerDocument> & { status: CycleStatus; hash: string | null };

const FILE_CHUNK = 1_000;

/** A brand's view of a cycle. Every read runs in the brand's own row context. */
@Injectable()
export class StatementsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly cycles: CyclesService,
    private readonly directory: BrandDirectory,
    private readonly netting: NettingService,
    private readonly statements: StatementsRepository,
    private readonly rows: RowsService,
    private readonly days: DaysService,
  ) {}

  /** @throws DomainError `not_found` for an unknown cycle */
  async statement(cycleId: string, brand: string): Promise<StatementDocument> {
    const cycle = await this.cycles.get(cycleId);
    return runInTransaction(this.dataSource, { brand }, (tx) => this.read(tx, cycle, brand));
  }

  /** @throws DomainError `not_found`, `cursor_invalid` */
  async lines(cycleId: string, brand: string, limit: number, after?: string): Promise<Page<StatementLine>> {
    const cycle = await this.cycles.get(cycleId);
    const position = after === undefined ? null : rowPosition(after);
    const rows = await runInTransaction(this.dataSource, { brand }, (tx) =>
      this.rows.page(tx, cycle, brandParty(brand), position, limit + 1),
    );
    const page = pageOf(rows, limit, (row) => row.position);
    return { data: page.data.map(({ line }) => line), page: page.page };
  }

  /** All lines of a brand's statement, in chunks, each in its own transaction. */
  async *allLines(cycleId: string, brand: string): AsyncGenerator<StatementLine[]> {
    const cycle = await this.cycles.get(cycleId);
    let after: RowPosition | null = null;
    for (;;) {
      const from: RowPosition | null = after;
      const rows: Awaited<ReturnType<RowsService['page']>> = await runInTransaction(this.dataSource, { brand }, (tx) =>
        this.rows.page(tx, cycle, brandParty(brand), from, FILE_CHUNK),
      );
      yield rows.map(({ line }) => line);
      const last = rows.at(-1);
      if (last === undefined || rows.length < FILE_CHUNK) return;
      after = last.position;
    }
  }

  /** Refuses unknown brands, for the operator. */
  async requireBrand(brand: string): Promise<void> {
    if ((await this.directory.get(brand)) === null) fail('not_found');
  }

  private async read(tx: EntityManager, cycle: Cycle, brand: string): Promise<StatementDocument> {
    const header = { cycle: cycle.id, brand, version: 1, currency: cycle.currency, previousHash: null };
    const status = cycle.status;
    const party = brandParty(brand);
    if (!isSealed(status)) {
      const totals = await this.rows.totals(tx, cycle, party);
      const groups = await this.netting.groupsOf(tx, cycle.id, party, this.days.today());
      const previousHash = await this.statements.newestHash(tx, cycle.id, brand);
      const sums = trailerDocument(totals, net(groups).positions.get(party) ?? 0n, counterpartiesOf(party, groups));
      return { ...header, status, ...sums, hash: null, previousHash };
    }
    const frozen = await this.statements.find(tx, cycle.id, brand);
    // a brand that joined after the freeze did not take part in the cycle
    if (frozen === null) return { ...header, status, ...trailerDocument(EMPTY_TOTALS, 0n, []), hash: null };
    const { groups } = await this.netting.frozen(tx, cycle.id);
    const { previousHash, ...rest } = frozen.header;
    const sums = trailerDocument(frozen.totals, frozen.net, counterpartiesOf(party, groups));
    return { ...rest, status, ...sums, hash: frozen.hash, previousHash };
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const ID = /^ln_[0-9A-Z]{26}$/;

function rowPosition(cursor: string): RowPosition {
  const [day, at, id] = decodeCursor(cursor, 3);
  const fields = typeof day === 'string' && typeof at === 'string' && typeof id === 'string';
  if (!fields || !DAY.test(day) || parseInstant(`${day}T00:00:00Z`) === null) return fail('cursor_invalid');
  if (at === TOTAL ? !ID.test(id) : !UUID.test(id) || parseInstant(at) === null) return fail('cursor_invalid');
  return [day, at, id];
}
