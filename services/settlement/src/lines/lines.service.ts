import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { bigint, date, defineRows, numeric, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { StoredRow } from '#libs/postgres';
import type { FiledLine, LineType } from '../entries/line.js';
import { LINE_DIGEST, lineOf, LINES } from '../entries/lines.tables.js';
import { partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { OwnLine, OwnPosition, OwnSums, StoredLine } from './own-line.js';

const OWN_LINES = defineRows({
  day: date(),
  ownId: uuid(),
  type: text<LineType>(),
  originalLineId: orNull(uuid()),
  originalPostingId: orNull(text()),
  occurredAt: timestamptz(),
  postedAt: timestamptz(),
  payer: text<Party>(),
  payee: text<Party>(),
  redeemer: orNull(text<Party>()),
  store: orNull(text()),
  points: numeric(),
  priceMicro: bigint(),
  amountMicro: numeric('amount'),
  currency: text(),
  reference: orNull(text()),
});

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

/** Lines read at a time. */
const CHUNK = 5_000;
const NO_ID = '00000000-0000-0000-0000-000000000000';
const FIRST: OwnPosition = ['-infinity', '-infinity', NO_ID];
const FEE = `l.type in ('fee', 'fee_reversal')`;

/** The lines of cycles, for statements and totals. Only reads. */
@Injectable()
export class LinesService {
  /** Lines of a cycle that a party reads in full, by recording and posting, with the party's own memberRef. */
  async own(
    tx: EntityManager,
    cycle: string,
    reader: Party,
    after: OwnPosition | null,
    limit: number,
  ): Promise<{ line: OwnLine; memberRef: string | null }[]> {
    const rows = await tx.query<(StoredRow & { readonly member_ref: string | null })[]>(
      `select l.*, ${OWN_MEMBER} from (${OWN}) l order by l.day, l.posted_at, l.own_id`,
      [cycle, reader, ...(after ?? FIRST), limit, partyName(reader)],
    );
    return rows.map((row) => ({ line: { ...OWN_LINES.fromRow(row), reader }, memberRef: row.member_ref }));
  }

  /** All lines of a cycle that a party reads in full, in the same order, in chunks. */
  async *allOwn(tx: EntityManager, cycle: string, reader: Party): AsyncGenerator<OwnLine[]> {
    let after = FIRST;
    for (;;) {
      const rows = await OWN_LINES.query(tx, `select l.* from (${OWN}) l order by l.day, l.posted_at, l.own_id`, [
        cycle,
        reader,
        ...after,
        CHUNK,
      ]);
      yield rows.map((row) => ({ ...row, reader }));
      const last = rows.at(-1);
      if (last === undefined || rows.length < CHUNK) return;
      after = [last.day, last.postedAt.toISOString(), last.ownId];
    }
  }

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
  ): AsyncGenerator<FiledLine[]> {
    yield* this.chunks(
      tx,
      '*',
      `l.cycle = $1 and l.day > coalesce($7::date, '-infinity') and l.day < $9::date and l.reader is distinct from $8 and (l.payer = $8
         or l.issuer = $8 and l.issuer <> l.payer and not ${FEE} or l.payee = $8 and l.payee <> 'operator')`,
      [cycle, after, party, before],
      (row) => lineOf(LINES.fromRow(row)),
    );
  }

  /** All lines of a cycle or of one of its days, by recording, posting and own id, in chunks. */
  async *all(tx: EntityManager, cycle: string, day: string | null = null): AsyncGenerator<StoredLine[]> {
    yield* this.chunks(
      tx,
      `*, ${LINE_DIGEST} as says`,
      'l.cycle = $1 and ($7::date is null or l.day = $7)',
      [cycle, day],
      (stored) => {
        const row = LINES.fromRow(stored);
        const digest = stored.says as Buffer;
        return { line: lineOf(row), digest, asWritten: digest.equals(row.digest) };
      },
    );
  }

  private async *chunks<T>(
    tx: EntityManager,
    columns: string,
    where: string,
    [cycle, ...more]: readonly unknown[],
    pick: (row: StoredRow) => T,
  ): AsyncGenerator<T[]> {
    let after: readonly string[] = [...FIRST, NO_ID];
    for (;;) {
      const rows = await tx.query<(StoredRow & { day: string; posted_at: Date; own_id: string; id: string })[]>(
        `select ${columns} from line l
          where ${where} and (l.day, l.posted_at, l.own_id, l.id) > ($2::date, $3::timestamptz, $4::uuid, $5::uuid)
          order by l.day, l.posted_at, l.own_id, l.id limit $6`,
        [cycle, ...after, CHUNK, ...more],
      );
      if (rows.length > 0) yield rows.map(pick);
      const last = rows.at(-1);
      if (last === undefined || rows.length < CHUNK) return;
      after = [last.day, last.posted_at.toISOString(), last.own_id, last.id];
    }
  }
}
