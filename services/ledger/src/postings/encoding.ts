import { Decimal, fail, isInCellOf, MAX_WIRE_INTEGER, MICRO_SCALE, uuidv7For } from '#libs/kernel';
import { claimKey } from './claim-key.js';
import type { OperationKind } from './claim-key.js';
import { placeText } from './place.js';
import type { ContractTerms } from './contract-terms.js';
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
  Transfer,
  Void,
  WalletOperation,
} from './posting.js';

type Row = Record<string, unknown>;

/** The columns of one item: common ones, those of its kind, its further lots, and the terms they refer to. */
export interface EncodedItem {
  common: Row;
  own: Row;
  lots: Row[];
  terms: readonly ContractTerms[];
}

/** Points of a movement: an integer, positive, within the range allowed on the wire. */
function positive(points: bigint): number {
  if (points < 1n || points > MAX_WIRE_INTEGER) fail('amount_out_of_range');
  return Number(points);
}

/** The columns of an operation's permanent key. */
function keyColumns(
  op: OperationKey,
  kind: OperationKind,
): {
  brand: string;
  external_id: string;
  key: string;
  hash: Buffer;
  transport_key: string | null;
  result: string;
} {
  if (op.requestHash.length !== 16) throw new TypeError('a request hash has 16 bytes');
  return {
    brand: op.brand,
    external_id: op.externalId,
    key: claimKey(kind, op.brand, op.externalId),
    hash: op.requestHash,
    transport_key: op.transportKey == null ? null : claimKey('idempotency_key', op.brand, op.transportKey),
    result: jsonText(op.result ?? null),
  };
}

/** The id of a wallet's object: it must end in the same byte as the wallet's id. */
function within(walletId: string, id: string): string {
  if (!isInCellOf(walletId, id)) throw new TypeError(`${id} is no id of a thing of wallet ${walletId}`);
  return id;
}

function walletColumns(op: WalletOperation & { readonly id: string }, kind: OperationKind): Row {
  const { brand, external_id, key, hash, transport_key, result } = keyColumns(op, kind);
  return {
    brand,
    external_id,
    key,
    hash,
    transport_key,
    result,
    id: within(op.walletId, op.id),
    wallet_id: op.walletId,
    posted_at: op.postedAt,
    occurred_at: op.occurredAt,
    posting_id: uuidv7For(op.walletId),
  };
}

export function encodeAccrual(op: Accrual): EncodedItem {
  const pendingOf = (lot: NewLot): boolean =>
    lot.untilDelivered === true || (lot.availableFrom !== null && lot.availableFrom > op.postedAt);
  let spendable = 0n;
  let pending = 0n;
  let otherSpendable = 0n;
  let otherPending = 0n;
  let nextDue = null as Date | null;
  const lots = op.lots.map((lot) => {
    positive(lot.points);
    const waits = pendingOf(lot);
    const own = lot.terms.brand === op.issuer;
    if (waits) {
      pending += lot.points;
      if (!own) otherPending += lot.points;
    } else {
      spendable += lot.points;
      if (!own) otherSpendable += lot.points;
    }
    const due = waits ? lot.availableFrom : lot.expiresAt;
    if (due !== null && (nextDue === null || due < nextDue)) nextDue = due;
    return {
      id: within(op.walletId, lot.id),
      points: Number(lot.points),
      pending: waits,
      available_from: lot.availableFrom,
      expires_at: lot.expiresAt,
      campaign: lot.campaign,
      reason: lot.reason,
      rule_id: lot.ruleId,
      issuer: own ? null : lot.terms.brand,
      terms_id: lot.terms.id,
      places: lot.places?.map(placeText),
    };
  });
  if (spendable + pending > MAX_WIRE_INTEGER) fail('amount_out_of_range');
  const first = lots.find((lot) => lot.issuer === null);
  const own = {
    kind: op.kind,
    member_ref: op.memberRef,
    store: op.store,
    issuer: op.issuer,
    spendable: Number(spendable),
    pending: Number(pending),
    other_spendable: Number(otherSpendable),
    other_pending: Number(otherPending),
    next_due: nextDue,
    pending_posting_id: pending > 0n ? uuidv7For(op.walletId) : null,
    currency: op.purchase?.currency,
    campaign: op.purchase?.campaign ?? op.lots[0]?.campaign,
    origin_id: op.originId ?? op.id,
    // most accruals have a single lot, which is sent in the item itself
    lot_id: first?.id,
    lot_points: first?.points,
    lot_pending: first?.pending,
    lot_available_from: first?.available_from,
    lot_expires_at: first?.expires_at,
    lot_campaign: first?.campaign,
    lot_reason: first?.reason,
    lot_rule_id: first?.rule_id,
    lot_terms_id: first?.terms_id,
    lot_places: first?.places,
    limited: lots.some((lot) => lot.places !== undefined),
    expected_version: op.expectedWalletVersion,
    day_from: op.day?.from,
    day_limit: op.day?.limit,
  };
  return {
    common: walletColumns(op, op.kind),
    own,
    lots: lots.length === 1 && first !== undefined ? [] : numberWithin(lots, first),
    terms: op.lots.map((lot) => lot.terms),
  };
}

/** Ordinals of the further lots within their posting: spendable and pending lots have separate postings. */
function numberWithin(lots: Row[], first: Row | undefined): Row[] {
  const next = new Map<unknown, number>([[first?.['pending'], 1]]);
  const more = lots.filter((lot) => lot !== first);
  return more.map((lot) => {
    const ordinal = next.get(lot['pending']) ?? 0;
    next.set(lot['pending'], ordinal + 1);
    return { ...lot, ordinal };
  });
}

export function encodeReversal(op: AccrualReversal): EncodedItem {
  const own = {
    purchase_id: op.purchaseId,
    member_ref: op.memberRef,
    store: op.store,
    points: op.points === 0n ? 0 : positive(op.points),
    expected_version: op.expectedReturnVersion,
    returned: jsonText(op.returned),
    parts: jsonText(
      (op.parts ?? [{ issuer: op.brand, points: op.points }])
        .filter(({ points }) => points > 0n)
        .map(({ issuer, points }) => ({ issuer, points: Number(points), debt_lot_id: uuidv7For(op.walletId) })),
    ),
    lines: jsonText(op.lines ?? []),
  };
  return { common: walletColumns(op, 'order_return'), own, lots: [], terms: [] };
}

export function encodeDelivery(op: Delivery): EncodedItem {
  const { purchaseId, freeFrom, lateDays, zone } = op;
  const own = { purchase_id: purchaseId, free_from: freeFrom, late_days: lateDays, zone };
  return { common: walletColumns(op, 'delivery'), own, lots: [], terms: [] };
}

export function encodeTakeBack(op: TakeBack): EncodedItem {
  const own = {
    kind: op.kind,
    issuer: op.issuer,
    origin_id: op.originId,
    member_ref: op.memberRef,
    points: positive(op.points),
    debt_lot_id: uuidv7For(op.walletId),
    terms_id: op.terms.id,
  };
  return { common: walletColumns(op, op.kind), own, lots: [], terms: [op.terms] };
}

export function encodeAuthorization(op: Authorization): EncodedItem {
  const own = {
    member_ref: op.memberRef,
    store: op.store,
    points: positive(op.points),
    expires_at: op.expiresAt,
    quote_id: op.quoteId,
    quoted_reimbursement_micro: op.quotedReimbursement == null ? null : priceToMicro(op.quotedReimbursement),
    campaign: op.campaign,
    terms_id: op.terms.id,
    at_once: op.captureAtOnce ?? false,
  };
  return { common: walletColumns(op, 'authorization'), own, lots: [], terms: [op.terms] };
}

export function encodeCapture(op: Capture): EncodedItem {
  const own = {
    hold_id: op.authorizationId,
    points: op.points === null ? null : positive(op.points),
    final: op.final,
    terms_id: op.terms?.id,
  };
  return { common: walletColumns(op, 'capture'), own, lots: [], terms: op.terms === null ? [] : [op.terms] };
}

export function encodeVoid(op: Void): EncodedItem {
  const own = { hold_id: op.authorizationId };
  return { common: walletColumns(op, 'void'), own, lots: [], terms: [] };
}

export function encodeRedemptionReturn(op: RedemptionReturn): EncodedItem {
  const own = { hold_id: op.authorizationId, points: positive(op.points) };
  return { common: walletColumns(op, 'redemption_return'), own, lots: [], terms: [] };
}

export function encodeTransfer(op: Transfer): EncodedItem {
  if (op.toWalletId === op.walletId) throw new TypeError('a transfer is between two wallets');
  const own = {
    member_ref: op.memberRef,
    to_wallet_id: op.toWalletId,
    to_member_ref: op.toMemberRef,
    to_posting_id: uuidv7For(op.toWalletId),
    points: positive(op.points),
  };
  return { common: walletColumns(op, 'transfer'), own, lots: [], terms: [] };
}

export function encodeExpiration(op: Expiration): Row {
  return {
    ...keyColumns(op, 'expiration'),
    id: op.walletId == null ? op.id : within(op.walletId, op.id),
    issuer: op.issuer ?? null,
    campaign: op.campaign ?? null,
    wallet_id: op.walletId ?? null,
    reason: op.reason,
  };
}

/** Converts a price in minor units per point to integer millionths. */
export function priceToMicro(price: string): bigint {
  return Decimal.parse(price).toScaled(MICRO_SCALE);
}

/** JSON for the database. Bigints become text; without any, the usual case, values are not visited one by one. */
function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? member.toString() : member));
  }
}
