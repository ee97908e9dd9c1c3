import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { decodeCursor, fail, pageOf } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { isSealed } from '../cycles/cycle.js';
import type { Cycle, CycleStatus } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import { NettingService } from '../netting/netting.service.js';
import { brandParty } from '../parties/party.js';
import { EMPTY_TOTALS, lineDocument, totalsDocument } from './statement.js';
import type { LineDocument, StatementHeader } from './statement.js';
import { LinesRepository } from './lines.repository.js';
import type { LinePosition, ReadLine } from './lines.repository.js';
import { StatementsRepository } from './statements.repository.js';

/** A statement on the wire. Before the freeze it is a preview: no hash, no version that would count. */
export type StatementDocument = StatementHeader &
  ReturnType<typeof totalsDocument> & { status: CycleStatus; hash: string | null };

/** A line on the wire: what both sides see, and the reading brand's own memberRef or null. */
export type StatementLine = LineDocument & { memberRef: string | null };

const FILE_CHUNK = 1_000;

/** What one brand reads about a cycle. Every read runs in the brand's own row context. */
@Injectable()
export class StatementsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly cycles: CyclesService,
    private readonly directory: BrandDirectory,
    private readonly netting: NettingService,
    private readonly statements: StatementsRepository,
    private readonly rows: LinesRepository,
  ) {}

  /** @throws DomainError `not_found` for an unknown cycle */
  async statement(cycleId: string, brand: string): Promise<StatementDocument> {
    const cycle = await this.cycles.get(cycleId);
    return runInTransaction(this.dataSource, { brand }, (tx) => this.read(tx, cycle, brand));
  }

  /** @throws DomainError `not_found`, `cursor_invalid` */
  async lines(cycleId: string, brand: string, limit: number, after?: string): Promise<Page<StatementLine>> {
    const cycle = await this.cycles.get(cycleId);
    const position = after === undefined ? null : linePosition(after);
    const rows = await runInTransaction(this.dataSource, { brand }, (tx) =>
      this.rows.page(tx, cycle.id, brandParty(brand), position, limit + 1),
    );
    const page = pageOf(rows, limit, ({ line }) => [line.postedAt.toISOString(), line.id]);
    return { data: page.data.map(({ line, memberRef }) => ({ ...lineDocument(line), memberRef })), page: page.page };
  }

  /** All lines of a brand's statement, a chunk at a time; each chunk in a transaction of its own. */
  async *allLines(cycleId: string, brand: string): AsyncGenerator<StatementLine[]> {
    let position: LinePosition | null = null;
    for (;;) {
      const after: LinePosition | null = position;
      const rows: ReadLine[] = await runInTransaction(this.dataSource, { brand }, (tx) =>
        this.rows.page(tx, cycleId, brandParty(brand), after, FILE_CHUNK),
      );
      yield rows.map(({ line, memberRef }) => ({ ...lineDocument(line), memberRef }));
      const last = rows.at(-1);
      if (last === undefined || rows.length < FILE_CHUNK) return;
      position = [last.line.postedAt.toISOString(), last.line.id];
    }
  }

  /** For the operator: refuses brands that the alliance doesn't have. */
  async requireBrand(brand: string): Promise<void> {
    if ((await this.directory.get(brand)) === null) fail('not_found');
  }

  private async read(tx: EntityManager, cycle: Cycle, brand: string): Promise<StatementDocument> {
    const header = { cycle: cycle.id, brand, version: 1, currency: cycle.currency, previousHash: null };
    const status = cycle.status;
    if (!isSealed(status)) {
      const totals = await this.rows.liveTotals(tx, cycle.id, brandParty(brand));
      const net = await this.netting.netOf(tx, cycle.id, brandParty(brand));
      const previousHash = (await this.statements.newestHashes(tx)).get(brand) ?? null;
      return { ...header, status, ...totalsDocument(totals, net), hash: null, previousHash };
    }
    const frozen = await this.statements.find(tx, cycle.id, brand);
    // a brand that joined after the freeze had no part in the cycle
    if (frozen === null) return { ...header, status, ...totalsDocument(EMPTY_TOTALS, 0n), hash: null };
    const { totals, net, hash } = frozen;
    const { previousHash, ...rest } = frozen.header;
    return { ...rest, status, ...totalsDocument(totals, net), hash, previousHash };
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function linePosition(cursor: string): LinePosition {
  const [at, id] = decodeCursor(cursor, 2);
  if (typeof at !== 'string' || typeof id !== 'string' || Number.isNaN(Date.parse(at)) || !UUID.test(id)) {
    return fail('cursor_invalid');
  }
  return [new Date(at).toISOString(), id];
}
