import { createHash } from 'node:crypto';
import { Decimal, fail, MAX_WIRE_INTEGER, MICRO_SCALE, uuidv7 } from '#libs/kernel';
import type {
  Accrual,
  AccrualReversal,
  Authorization,
  Capture,
  Expiration,
  Delivery,
  NewLot,
  OperationKey,
  RedemptionReturn,
  TakeBack,
  Void,
  WalletOperation,
} from './posting.js';

type Row = Record<string, unknown>;
export interface EncodedItem {
  row: Row;
  lots: Row[];
}

/** First 16 bytes of SHA-256, as PostgreSQL reads bytea. */
function digest(text: string): string {
  return `\\x${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}

/** Points of a movement: whole, positive, and small enough for the wire. */
function positive(points: bigint): number {
  if (points < 1n || points > MAX_WIRE_INTEGER) fail('amount_out_of_range');
  return Number(points);
}

/** The columns by which an operation is known for ever. */
function keyColumns(op: OperationKey): Row {
  if (op.requestHash.length !== 16) throw new TypeError('a request hash has 16 bytes');
  return {
    brand: op.brand,
    external_id: op.externalId,
    key: digest(op.externalId),
    hash: `\\x${op.requestHash.toString('hex')}`,
    transport_key: op.transportKey == null ? undefined : digest(op.transportKey),
    result: jsonText(op.result ?? null),
  };
}

function walletColumns(op: WalletOperation, id: string): Row {
  return {
    ...keyColumns(op),
    id,
    wallet_id: op.walletId,
    posted_at: op.postedAt,
    occurred_at: op.occurredAt,
    posting_id: uuidv7(),
  };
}

export function encodeAccrual(op: Accrual): EncodedItem {
  const pendingOf = (lot: NewLot): boolean =>
    lot.untilDelivered === true || (lot.availableFrom !== null && lot.availableFrom > op.postedAt);
  let spendable = 0n;
  let pending = 0n;
  let stillborn = 0n;
  let otherSpendable = 0n;
  let otherPending = 0n;
  let ownLive = 0n;
  let nextExpiry = null as Date | null;
  const lots = op.lots.map((lot) => {
    positive(lot.points);
    const waits = pendingOf(lot);
    const own = lot.issuer === undefined || lot.issuer === op.issuer;
    if (waits) {
      pending += lot.points;
      if (!own) otherPending += lot.points;
    } else {
      spendable += lot.points;
      if (!own) otherSpendable += lot.points;
      if (lot.expiresAt !== null && lot.expiresAt <= op.postedAt) stillborn += lot.points;
      else if (own) ownLive += lot.points;
      if (lot.expiresAt !== null && (nextExpiry === null || lot.expiresAt < nextExpiry)) nextExpiry = lot.expiresAt;
    }
    return {
      id: lot.id,
      points: Number(lot.points),
      pending: waits,
      available_from: lot.availableFrom ?? undefined,
      expires_at: lot.expiresAt ?? undefined,
      campaign: lot.campaign ?? undefined,
      reason: lot.reason,
      rule_id: lot.ruleId ?? undefined,
      issuer: own ? undefined : lot.issuer,
    };
  });
  if (spendable + pending > MAX_WIRE_INTEGER) fail('amount_out_of_range');
  const first = lots.find((lot) => lot.issuer === undefined);
  const row = {
    ...walletColumns(op, op.id),
    kind: op.kind,
    member_ref: op.memberRef,
    store: op.store,
    issuer: op.issuer,
    spendable: Number(spendable),
    pending: Number(pending),
    stillborn: Number(stillborn),
    other_spendable: Number(otherSpendable),
    other_pending: Number(otherPending),
    own_live: Number(ownLive),
    next_expiry: nextExpiry ?? undefined,
    pending_posting_id: pending > 0n ? uuidv7() : undefined,
    currency: op.purchase?.currency,
    campaign: op.purchase?.campaign ?? op.lots[0]?.campaign ?? undefined,
    document: op.purchase === undefined ? undefined : jsonText(op.purchase.document),
    ...firstLotColumns(first),
  };
  return {
    row,
    lots: numberWithin(
      lots.filter((lot) => lot !== first),
      first,
    ),
  };
}

/** The one lot that most accruals have travels in the item itself. */
function firstLotColumns(lot: Row | undefined): Row {
  if (lot === undefined) return {};
  return {
    lot_id: lot['id'],
    lot_points: lot['points'],
    lot_pending: lot['pending'],
    lot_available_from: lot['available_from'],
    lot_expires_at: lot['expires_at'],
    lot_campaign: lot['campaign'],
    lot_reason: lot['reason'],
    lot_rule_id: lot['rule_id'],
  };
}

/** Ordinals of the further lots within their posting: spendable and pending ones are postings of their own. */
function numberWithin(more: Row[], first: Row | undefined): Row[] {
  const next = new Map<unknown, number>([[first?.['pending'], 1]]);
  return more.map((lot) => {
    const ordinal = next.get(lot['pending']) ?? 0;
    next.set(lot['pending'], ordinal + 1);
    return { ...lot, ordinal };
  });
}

export function encodeReversal(op: AccrualReversal): EncodedItem {
  const row = {
    ...walletColumns(op, op.id),
    purchase_id: op.purchaseId,
    member_ref: op.memberRef,
    store: op.store,
    points: op.points === 0n ? 0 : positive(op.points),
    expected_version: op.expectedReturnVersion,
    returned: jsonText(op.returned),
    parts: jsonText(
      (op.parts ?? [{ issuer: op.brand, points: op.points }])
        .filter(({ points }) => points > 0n)
        .map(({ issuer, points }) => ({ issuer, points: Number(points), debt_lot_id: uuidv7() })),
    ),
    lines: jsonText(op.lines ?? []),
  };
  return { row, lots: [] };
}

export function encodeDelivery(op: Delivery): EncodedItem {
  return { row: { ...walletColumns(op, op.id), purchase_id: op.purchaseId }, lots: [] };
}

export function encodeTakeBack(op: TakeBack): EncodedItem {
  const row = {
    ...walletColumns(op, op.id),
    kind: op.kind,
    issuer: op.issuer,
    origin_id: op.originId,
    member_ref: op.memberRef,
    points: positive(op.points),
    debt_lot_id: uuidv7(),
  };
  return { row, lots: [] };
}

export function encodeAuthorization(op: Authorization): EncodedItem {
  const row = {
    ...walletColumns(op, op.id),
    member_ref: op.memberRef,
    store: op.store,
    points: positive(op.points),
    expires_at: op.expiresAt,
    quote_id: op.quoteId ?? undefined,
    quoted_reimbursement_micro: op.quotedReimbursement == null ? undefined : priceToMicro(op.quotedReimbursement),
    campaign: op.campaign ?? undefined,
    at_once: op.captureAtOnce ?? false,
  };
  return { row, lots: [] };
}

export function encodeCapture(op: Capture): EncodedItem {
  const row = {
    ...walletColumns(op, op.id),
    hold_id: op.authorizationId,
    points: op.points === null ? null : positive(op.points),
    final: op.final,
    timeout: false,
  };
  return { row, lots: [] };
}

export function encodeVoid(op: Void): EncodedItem {
  return { row: { ...walletColumns(op, op.id), hold_id: op.authorizationId, timeout: false }, lots: [] };
}

export function encodeRedemptionReturn(op: RedemptionReturn): EncodedItem {
  const row = { ...walletColumns(op, op.id), hold_id: op.authorizationId, points: positive(op.points) };
  return { row, lots: [] };
}

export function encodeExpiration(op: Expiration): Row {
  return {
    ...keyColumns(op),
    id: op.id,
    issuer: op.issuer ?? null,
    campaign: op.campaign ?? null,
    wallet_id: op.walletId ?? null,
    reason: op.reason,
  };
}

/** A price in minor units per point as a whole number of millionths: text, as it may exceed 2^53. */
export function priceToMicro(price: string): string {
  return Decimal.parse(price).toScaled(MICRO_SCALE).toString();
}

/** JSON for the database. Bigints become text; without any, which is the rule, nothing is visited one by one. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? member.toString() : member));
  }
}
