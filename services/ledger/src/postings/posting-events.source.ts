import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import {
  LotMovementSchema,
  LotTermsSchema,
  PostingKind,
  PostingRecordedSchema,
  RedeemerTermsSchema,
  TOPICS,
} from '#libs/contracts';
import type { LotMovement, LotTerms, RedeemerTerms } from '#libs/contracts';
import { Decimal, MICRO_SCALE } from '#libs/kernel';
import type { OutgoingRecord, RelayPosition, RelaySource } from '#libs/messaging';
import { fundersFromText } from './contract-terms.js';
import { AFTER, positionOf, READABLE } from './event-order.js';
import type { EventPlace } from './event-order.js';

const KINDS: Readonly<Record<string, PostingKind>> = {
  accrual: PostingKind.ACCRUAL,
  accrual_pending: PostingKind.ACCRUAL_PENDING,
  accrual_release: PostingKind.ACCRUAL_RELEASE,
  accrual_reversal: PostingKind.ACCRUAL_REVERSAL,
  authorization: PostingKind.AUTHORIZATION,
  capture: PostingKind.CAPTURE,
  void: PostingKind.VOID,
  authorization_expired: PostingKind.AUTHORIZATION_EXPIRED,
  redemption_return: PostingKind.REDEMPTION_RETURN,
  expiry: PostingKind.EXPIRY,
  debt_repayment: PostingKind.DEBT_REPAYMENT,
  transfer_out: PostingKind.TRANSFER_OUT,
  transfer_in: PostingKind.TRANSFER_IN,
};

interface PostingRow extends EventPlace {
  readonly cell: number;
  readonly wallet_version: bigint;
  readonly lot_id: string | null;
  readonly id: string;
  readonly kind: string;
  readonly wallet_id: string;
  readonly brand: string;
  readonly store: string | null;
  readonly member_ref: string | null;
  readonly points: bigint;
  readonly occurred_at: Date;
  readonly posted_at: Date;
  readonly reference: string | null;
  readonly order_id: string | null;
  readonly other_wallet_id: string | null;
  readonly hold_id: string | null;
  readonly quoted_reimbursement_micro: bigint | null;
  readonly campaign: string | null;
  readonly asset: string;
  readonly terms_id: bigint | null;
  readonly traceparent: string | null;
}

interface MovementRow {
  readonly posting_id: string;
  readonly lot_id: string;
  readonly issuer: string;
  readonly points: bigint;
  readonly original_posting_id: string | null;
  readonly other_lot_id: string | null;
  readonly debt: boolean;
  readonly terms_id: bigint;
  readonly earned_at: Date;
  readonly expires_at: Date | null;
  readonly campaign: string | null;
}

interface TermsRow {
  readonly id: bigint;
  readonly contract_version: number;
  readonly currency: string;
  readonly funding_mode: string;
  readonly funders: string;
  readonly accrual_micro: bigint;
  readonly operator_fee_micro: bigint;
  readonly fee_on_own: boolean;
  readonly reimbursement_micro: bigint;
}

/** Terms of one contract version, as shown to the parties of a movement. */
interface Terms {
  readonly issuer: LotTerms;
  readonly redeemer: RedeemerTerms;
}

/** Publishes posting rows as events: what is committed is published, without a second write. */
@Injectable()
export class PostingEventsSource implements RelaySource {
  readonly name = 'postings';
  /** Cache of terms: one entry per contract version, immutable. */
  private readonly terms = new Map<bigint, Terms>();

  async read(
    client: PoolClient,
    after: RelayPosition,
    limit: number,
  ): Promise<{ records: OutgoingRecord[]; next: RelayPosition }> {
    const { rows } = await client.query<PostingRow>({
      name: 'postings-read',
      text: `select cell, epoch, xid::text as xid, seq, wallet_version, id, kind, wallet_id, brand, store, member_ref, points,
               occurred_at, posted_at, reference, order_id, other_wallet_id, hold_id, lot_id, quoted_reimbursement_micro, campaign, asset, terms_id,
               (select t.traceparent from event_trace t where t.cell = p.cell and t.event_id = p.id) as traceparent
             from posting p where ${READABLE} order by p.epoch, p.xid, p.seq limit $4`,
      values: [after.epoch, after.xid, after.seq, limit],
    });
    const last = rows.at(-1);
    if (last === undefined) return { records: [], next: after };
    const movements = await this.movements(client, rows);
    await this.learn(
      client,
      rows.flatMap(({ terms_id }) => terms_id ?? []),
    );
    return {
      records: rows.map((row) =>
        recordOf(
          row,
          movements.get(row.id) ?? [],
          row.terms_id === null ? undefined : this.known(row.terms_id).redeemer,
        ),
      ),
      next: positionOf(last),
    };
  }

  async backlog(client: PoolClient, after: RelayPosition): Promise<number> {
    const { rows } = await client.query<{ events: bigint }>({
      name: 'postings-backlog',
      text: `select count(*) as events from posting where ${AFTER}`,
      values: [after.epoch, after.xid, after.seq],
    });
    return Number(rows[0]?.events ?? 0);
  }

  async rebase(client: PoolClient, published: RelayPosition): Promise<RelayPosition> {
    await client.query('select ledger_enter_v1()');
    return published;
  }

  private async movements(client: PoolClient, postings: readonly PostingRow[]): Promise<Map<string, LotMovement[]>> {
    const { rows } = await client.query<MovementRow>({
      name: 'postings-movements',
      text: `select k.posting_id, l.id as lot_id, l.issuer, coalesce(m.points, l.points) as points, m.original_posting_id,
               m.other_lot_id, l.debt, l.terms_id, l.earned_at, nullif(coalesce(l.agreed_expires_at, l.expires_at), 'infinity') as expires_at, l.campaign
             from unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[])
               as k(cell, wallet_id, wallet_version, posting_id, lot_id)
             cross join lateral (
               select k.lot_id, null::bigint as points, null::uuid as original_posting_id, null::uuid as other_lot_id,
                 -1 as ordinal where k.lot_id is not null
               union all
               select c.lot_id, c.points, c.original_posting_id, c.other_lot_id, c.ordinal from allocation c
               where c.cell = k.cell and c.wallet_id = k.wallet_id and c.wallet_version = k.wallet_version) m
             -- each lot by its key, because a wallet may have thousands of lots
             cross join lateral (
               select * from lot where cell = k.cell and wallet_id = k.wallet_id and id = m.lot_id offset 0) l
             order by k.wallet_id, k.wallet_version, m.ordinal`,
      values: [
        postings.map((row) => row.cell),
        postings.map((row) => row.wallet_id),
        postings.map((row) => row.wallet_version),
        postings.map((row) => row.id),
        postings.map((row) => row.lot_id),
      ],
    });
    await this.learn(
      client,
      rows.map(({ terms_id }) => terms_id),
    );
    const byPosting = new Map<string, LotMovement[]>();
    for (const row of rows) {
      const list = byPosting.get(row.posting_id) ?? [];
      if (list.length === 0) byPosting.set(row.posting_id, list);
      list.push(
        create(LotMovementSchema, {
          lotId: row.lot_id,
          issuer: row.issuer,
          points: row.points,
          originalPostingId: row.original_posting_id ?? '',
          otherLotId: row.other_lot_id ?? '',
          debt: row.debt,
          terms: this.known(row.terms_id).issuer,
          earnedAt: timestampFromDate(row.earned_at),
          ...(row.expires_at === null ? {} : { expiresAt: timestampFromDate(row.expires_at) }),
          campaign: row.campaign ?? '',
        }),
      );
    }
    return byPosting;
  }

  /** Loads the terms of a page of postings that are not cached yet. */
  private async learn(client: PoolClient, ids: readonly bigint[]): Promise<void> {
    const fresh = [...new Set(ids)].filter((id) => !this.terms.has(id));
    if (fresh.length === 0) return;
    const { rows } = await client.query<TermsRow>({
      name: 'postings-terms',
      text: `select id, contract_version, currency, funding_mode, funders, accrual_micro, operator_fee_micro, fee_on_own, reimbursement_micro
             from contract_terms where id = any($1::bigint[])`,
      values: [fresh],
    });
    for (const row of rows) this.terms.set(row.id, termsOf(row));
  }

  private known(id: bigint): Terms {
    const terms = this.terms.get(id);
    if (terms === undefined) throw new Error(`there are no terms ${id}`);
    return terms;
  }
}

function termsOf(row: TermsRow): Terms {
  const { contract_version: contractVersion, currency } = row;
  return {
    issuer: create(LotTermsSchema, {
      contractVersion,
      fundingMode: row.funding_mode,
      funders: fundersFromText(row.funders),
      accrualPrice: price(row.accrual_micro),
      operatorFee: price(row.operator_fee_micro),
      feeOnOwn: row.fee_on_own,
      currency,
    }),
    redeemer: create(RedeemerTermsSchema, {
      contractVersion,
      reimbursementPrice: price(row.reimbursement_micro),
      currency,
    }),
  };
}

function price(micro: bigint): string {
  return Decimal.fromScaled(micro, MICRO_SCALE).toString();
}

function recordOf(row: PostingRow, movements: LotMovement[], redeemerTerms: RedeemerTerms | undefined): OutgoingRecord {
  const kind = KINDS[row.kind];
  if (kind === undefined) throw new Error(`posting kind ${row.kind} has no event`);
  const body = create(PostingRecordedSchema, {
    postingId: row.id,
    kind,
    walletId: row.wallet_id,
    walletVersion: row.wallet_version,
    brand: row.brand,
    store: row.store ?? '',
    memberRef: row.member_ref ?? '',
    points: row.points,
    occurredAt: timestampFromDate(row.occurred_at),
    postedAt: timestampFromDate(row.posted_at),
    reference: row.reference ?? '',
    orderId: row.order_id ?? '',
    otherWalletId: row.other_wallet_id ?? '',
    authorizationId: row.hold_id ?? '',
    quotedReimbursement: row.quoted_reimbursement_micro === null ? '' : price(row.quoted_reimbursement_micro),
    campaign: row.campaign ?? '',
    movements,
    asset: row.asset,
    ...(redeemerTerms === undefined ? {} : { redeemerTerms }),
  });
  return {
    topic: TOPICS.postings,
    key: row.wallet_id,
    id: row.id,
    type: 'hezong.ledger.posting.recorded.v1',
    schemaName: PostingRecordedSchema.typeName,
    time: row.posted_at,
    value: toBinary(PostingRecordedSchema, body),
    ...(row.traceparent === null ? {} : { headers: { traceparent: row.traceparent } }),
  };
}
