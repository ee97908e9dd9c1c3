import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { FiledLine, LineType } from '../entries/line.js';
import { lineOf, LINES } from '../entries/lines.tables.js';
import { partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { OwnLine, OwnPosition, OwnSums, StoredLine } from './own-line.js';

interface OwnRow {
  day: string;
  own_id: string;
  type: LineType;
  original_line_id: string | null;
  original_posting_id: string | null;
  occurred_at: Date;
  posted_at: Date;
  payer: Party;
  payee: Party;
  redeemer: Party | null;
  store: string | null;
  points: string;
  price_micro: bigint;
  amount: string;
  currency: string;
  reference: string | null;
  member_ref: string | null;
}

/** Fields that are equal in all lots of a posting that are read as one line. Payers differ and are not shown. */
const ALIKE = [
  'type',
  'original_posting_id',
  'occurred_at',
  'payer',
  'payee',
  'redeemer',
  'store',
  'price_micro',
  'currency',
  'reference',
]
  .map((column) => `min(l.${column}) as ${column}`)
  .join(', ');

/** The reader's own pseudonym: as sent by the till if the reader acted, else from the wallet's link; never another brand's. */
const OWN_MEMBER = `coalesce(case when l.actor = $7 then nullif(l.actor_member_ref, '') end, (
  select m.member_ref from member_link m where m.wallet_id = l.wallet_id and m.brand = $7
   order by m.active desc, m.changed_at desc limit 1)) as member_ref`;

/** Lines that a party reads in full, after a position; all lots of a posting as one. */
const OWN = `
  select l.day, l.posted_at, l.own_id, ${ALIKE}, min(l.original_line_id::text) as original_line_id, min(l.wallet_id) as wallet_id,
      min(l.actor) as actor, min(l.actor_member_ref) as actor_member_ref, sum(l.points)::text as points,
      sum(l.amount_micro)::text as amount
    from line l
   where l.cycle = $1 and l.reader = $2 and (l.day, l.posted_at, l.own_id) > ($3::date, $4::timestamptz, $5::uuid)
   group by l.day, l.posted_at, l.own_id order by l.day, l.posted_at, l.own_id limit $6`;

const NO_ID = '00000000-0000-0000-0000-000000000000';
const FIRST: OwnPosition = ['-infinity', '-infinity', NO_ID];
const FEE = `l.type in ('fee', 'fee_reversal')`;

/** Reads the lines of cycles. */
@Injectable()
export class LinesRepository {
  /** Lines of a cycle that a party reads in full, by recording and posting, with the party's own memberRef. */
  async own(
    tx: EntityManager,
    cycle: string,
    reader: Party,
    after: OwnPosition | null,
    limit: number,
  ): Promise<{ line: OwnLine; memberRef: string | null }[]> {
    const rows: OwnRow[] = await tx.query(
      `select l.*, ${OWN_MEMBER} from (${OWN}) l order by l.day, l.posted_at, l.own_id`,
      [cycle, reader, ...(after ?? FIRST), limit, partyName(reader)],
    );
    return rows.map((row) => ({ line: ownLineOf(row, reader), memberRef: row.member_ref }));
  }

  /** All lines of a cycle that a party reads in full, in the same order, in chunks. */
  async *allOwn(tx: EntityManager, cycle: string, reader: Party, chunk = 5_000): AsyncGenerator<OwnLine[]> {
    let after = FIRST;
    for (;;) {
      const rows: OwnRow[] = await tx.query(`select l.* from (${OWN}) l order by l.day, l.posted_at, l.own_id`, [
        cycle,
        reader,
        ...after,
        chunk,
      ]);
      yield rows.map((row) => ownLineOf(row, reader));
      const last = rows.at(-1);
      if (last === undefined || rows.length < chunk) return;
      after = [last.day, last.posted_at.toISOString(), last.own_id];
    }
  }

  /** Sums over the lines that a party reads in full. */
  async ownSums(tx: EntityManager, cycle: string, reader: Party): Promise<OwnSums> {
    const sum = (of: string, where = 'true'): string => `coalesce(sum(${of}) filter (where ${where}), 0)::text`;
    const [row]: OwnSums[] = await tx.query(
      `select count(distinct l.own_id) as count, ${sum('l.points')} as points, ${sum('l.amount_micro')} as amount,
          ${sum('l.amount_micro', `l.payer = $2 and not ${FEE}`)} as pays,
          ${sum('l.amount_micro', `l.payee = $2 and not ${FEE}`)} as receives,
          ${sum('l.amount_micro', `l.payer = $2 and ${FEE}`)} as fees
        from line l where l.cycle = $1 and l.reader = $2`,
      [cycle, reader],
    );
    if (row === undefined) throw new Error('an aggregate without a row');
    return row;
  }

  /** Lines of the days between two others that a party pays, is paid for or issued without reading them in full, in chunks. */
  async *concerning(
    tx: EntityManager,
    cycle: string,
    party: Party,
    { after, before }: { after: string | null; before: string },
    chunk = 5_000,
  ): AsyncGenerator<FiledLine[]> {
    yield* this.chunks(
      tx,
      `l.cycle = $1 and l.day > coalesce($7::date, '-infinity') and l.day < $9::date and l.reader is distinct from $8 and (l.payer = $8
         or l.issuer = $8 and l.issuer <> l.payer and not ${FEE} or l.payee = $8 and l.payee <> 'operator')`,
      [cycle, after, party, before],
      chunk,
      ({ line }) => line,
    );
  }

  /** All lines of a cycle or of one of its days, by recording, posting and own id, in chunks. */
  async *all(tx: EntityManager, cycle: string, day: string | null = null, chunk = 5_000): AsyncGenerator<StoredLine[]> {
    yield* this.chunks(
      tx,
      'l.cycle = $1 and ($7::date is null or l.day = $7)',
      [cycle, day],
      chunk,
      (stored) => stored,
    );
  }

  private async *chunks<T>(
    tx: EntityManager,
    where: string,
    [cycle, ...more]: readonly unknown[],
    chunk: number,
    pick: (stored: StoredLine) => T,
  ): AsyncGenerator<T[]> {
    let after: readonly string[] = [...FIRST, NO_ID];
    for (;;) {
      const rows = await LINES.query(
        tx,
        `select * from line l
          where ${where} and (l.day, l.posted_at, l.own_id, l.id) > ($2::date, $3::timestamptz, $4::uuid, $5::uuid)
          order by l.day, l.posted_at, l.own_id, l.id limit $6`,
        [cycle, ...after, chunk, ...more],
      );
      if (rows.length > 0) yield rows.map((row) => pick({ line: lineOf(row), digest: row.digest }));
      const last = rows.at(-1);
      if (last === undefined || rows.length < chunk) return;
      after = [last.day, last.postedAt.toISOString(), last.ownId, last.id];
    }
  }
}

function ownLineOf(row: OwnRow, reader: Party): OwnLine {
  return {
    reader,
    day: row.day,
    ownId: row.own_id,
    type: row.type,
    originalLineId: row.original_line_id,
    originalPostingId: row.original_posting_id,
    occurredAt: row.occurred_at,
    postedAt: row.posted_at,
    payer: row.payer,
    payee: row.payee,
    redeemer: row.redeemer,
    store: row.store,
    points: BigInt(row.points),
    priceMicro: row.price_micro,
    amountMicro: BigInt(row.amount),
    currency: row.currency,
    reference: row.reference,
  };
}
