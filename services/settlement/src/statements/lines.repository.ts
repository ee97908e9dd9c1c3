import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Line, LineType } from '../entries/line.js';
import { fundersOf } from '../entries/posting-fact.js';
import { partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { StatementTotals } from './statement.js';
import { totalsOf } from './statements.repository.js';
import type { TotalsRow } from './statements.repository.js';

/** Where a page of lines begins: after this posting time and id. */
export type LinePosition = readonly [postedAt: string, id: string];

/** A line with the reading brand's own pseudonym of the member. */
export interface ReadLine {
  readonly line: Line;
  readonly memberRef: string | null;
}

/** A line as it is stored, with the digest it was written with. */
export interface StoredLine {
  readonly line: Line;
  readonly digest: Buffer;
}

interface LineRow {
  id: string;
  type: LineType;
  posting_id: string;
  lot_id: string;
  original_line_id: string | null;
  wallet_id: string;
  actor: string;
  actor_member_ref: string;
  occurred_at: Date;
  posted_at: Date;
  payer: Party;
  payee: Party;
  issuer: Party;
  redeemer: Party | null;
  store: string | null;
  asset: string | null;
  points: bigint;
  price_micro: bigint;
  fixed_micro: string;
  currency: string;
  reference: string | null;
  issuer_contract: number | null;
  redeemer_contract: number | null;
  funding_mode: string | null;
  funders: string | null;
  campaign: string | null;
  earned_at: Date | null;
  expires_at: Date | null;
}

const COLUMNS = `l.id, l.type, l.posting_id, l.lot_id, l.original_line_id, l.wallet_id, l.actor, l.actor_member_ref,
  l.occurred_at, l.posted_at, l.payer, l.payee, l.issuer, l.redeemer, l.store, l.asset, l.points, l.price_micro, l.fixed_micro::text, l.currency,
  l.reference, l.issuer_contract, l.redeemer_contract, l.funding_mode, l.funders, l.campaign, l.earned_at, l.expires_at`;

/** Lines that concern a party, each once, in branches that have an index each. */
const CONCERNS = [
  'l.payer = $2',
  'l.redeemer = $2 and l.redeemer <> l.payer',
  `l.payee = $2 and l.payee <> l.payer and l.redeemer is null and l.payee <> 'operator'`,
  'l.issuer = $2 and l.issuer <> l.payer and l.payee <> $2 and l.redeemer is distinct from $2',
];

/** The reader's own pseudonym: as the till sent it where the reader acted, else by the wallet's link; never another brand's. */
const OWN_MEMBER = `case when l.actor = $6 then nullif(l.actor_member_ref, '') else (
  select m.member_ref from member_link m where m.wallet_id = l.wallet_id and m.brand = $6
   order by m.active desc, m.changed_at desc limit 1) end as member_ref`;

const FIRST: LinePosition = ['-infinity', '00000000-0000-0000-0000-000000000000'];

/** Reads the lines of cycles. */
@Injectable()
export class LinesRepository {
  /** Lines of a cycle that concern a party, in order of posting, with the party's own memberRef. */
  async page(
    tx: EntityManager,
    cycle: string,
    party: Party,
    after: LinePosition | null,
    limit: number,
  ): Promise<ReadLine[]> {
    const branches = CONCERNS.map(
      (
        concerns,
      ) => `(select l.* from line l where l.cycle = $1 and ${concerns} and (l.posted_at, l.id) > ($3::timestamptz, $4::uuid)
        order by l.posted_at, l.id limit $5)`,
    );
    const rows = await tx.query<(LineRow & { member_ref: string | null })[]>(
      `select ${COLUMNS}, ${OWN_MEMBER} from (${branches.join(' union all ')}) l order by l.posted_at, l.id limit $5`,
      [cycle, party, ...(after ?? FIRST), limit, partyName(party)],
    );
    return rows.map((row) => ({ line: lineOf(row), memberRef: row.member_ref }));
  }

  /** All lines of a cycle in order of posting, a chunk at a time. */
  async *all(tx: EntityManager, cycle: string, chunk = 5_000): AsyncGenerator<StoredLine[]> {
    let after = FIRST;
    for (;;) {
      const rows = await tx.query<(LineRow & { digest: Buffer })[]>(
        `select ${COLUMNS}, l.digest from line l
          where l.cycle = $1 and (l.posted_at, l.id) > ($2::timestamptz, $3::uuid)
          order by l.posted_at, l.id limit $4`,
        [cycle, ...after, chunk],
      );
      yield rows.map((row) => ({ line: lineOf(row), digest: row.digest }));
      const last = rows.at(-1);
      if (last === undefined || rows.length < chunk) return;
      after = [last.posted_at.toISOString(), last.id];
    }
  }

  /** Sums over the lines of a cycle that concern a party. */
  async liveTotals(tx: EntityManager, cycle: string, party: Party): Promise<StatementTotals> {
    const fee = `l.type in ('fee', 'fee_reversal')`;
    const sum = (of: string, where = 'true'): string => `coalesce(sum(${of}) filter (where ${where}), 0)::text`;
    const rows = await tx.query<TotalsRow[]>(
      `select count(*) as count, ${sum('l.points')} as points, ${sum('l.amount_micro')} as amount,
          ${sum('l.amount_micro', `l.payer = $2 and not ${fee}`)} as pays,
          ${sum('l.amount_micro', `l.payee = $2 and not ${fee}`)} as receives,
          ${sum('l.amount_micro', `l.payer = $2 and ${fee}`)} as fees
        from line l where l.cycle = $1 and $2 in (l.payer, l.payee, l.issuer, l.redeemer)`,
      [cycle, party],
    );
    const row = rows[0];
    if (row === undefined) throw new Error('an aggregate without a row');
    return totalsOf(row);
  }

  /** Lines of a cycle that lie in another one as well. Only a line outside of its own month's cycle can. */
  async doubles(tx: EntityManager, cycle: string): Promise<{ id: string; cycle: string }[]> {
    return tx.query<{ id: string; cycle: string }[]>(
      `select l.id, o.cycle from cycle c join line l on l.cycle = c.id and (l.posted_at < c.from_at or l.posted_at >= c.to_at)
         join line o on o.id = l.id and o.cycle <> c.id
        where c.id = $1 order by 1, 2 limit 100`,
      [cycle],
    );
  }
}

function lineOf(row: LineRow): Line {
  const { issuer_contract, funding_mode, funders, earned_at } = row;
  return {
    id: row.id,
    type: row.type,
    postingId: row.posting_id,
    lotId: row.lot_id,
    originalLineId: row.original_line_id,
    walletId: row.wallet_id,
    actor: row.actor,
    actorMemberRef: row.actor_member_ref,
    occurredAt: row.occurred_at,
    postedAt: row.posted_at,
    payer: row.payer,
    payee: row.payee,
    issuer: row.issuer,
    redeemer: row.redeemer,
    store: row.store,
    asset: row.asset,
    points: row.points,
    priceMicro: row.price_micro,
    fixedMicro: BigInt(row.fixed_micro),
    currency: row.currency,
    reference: row.reference,
    stamps:
      issuer_contract === null || funding_mode === null || funders === null || earned_at === null
        ? null
        : {
            issuerContract: issuer_contract,
            redeemerContract: row.redeemer_contract,
            fundingMode: funding_mode,
            funders: fundersOf(funders),
            campaign: row.campaign,
            earnedAt: earned_at,
            expiresAt: row.expires_at,
          },
  };
}
