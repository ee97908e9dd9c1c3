import { timestampDate } from '@bufbuild/protobuf/wkt';
import { PostingKind } from '#libs/contracts';
import type { LotMovement, PostingRecorded } from '#libs/contracts';
import { Decimal, fail, MICRO_SCALE } from '#libs/kernel';
import { partyOf } from '../parties/party.js';
import type { LotTerms, Movement, PostingFact, PricedKind, RedeemerTerms } from './posting-fact.js';

/** Kinds that make lines. Pending points count when they are posted; maturing, holding and releasing change nothing here. */
const KINDS: Partial<Record<PostingKind, PricedKind>> = {
  [PostingKind.ACCRUAL]: 'accrual',
  [PostingKind.ACCRUAL_PENDING]: 'accrual',
  [PostingKind.ACCRUAL_REVERSAL]: 'accrual_reversal',
  [PostingKind.CAPTURE]: 'capture',
  [PostingKind.REDEMPTION_RETURN]: 'redemption_return',
  [PostingKind.EXPIRY]: 'expiry',
};

const micro = (price: string): bigint => Decimal.parse(price).toScaled(MICRO_SCALE);

/** A stamp that the ledger must have set. There is no default: an event without it makes no line. */
function stamp<T>(value: T | undefined, name: string): T {
  if (value === undefined || value === '') fail('validation_failed', { detail: `A posting without ${name}.` });
  return value;
}

function lotTerms({ lotId, terms }: LotMovement): LotTerms {
  const given = stamp(terms, `the terms of lot ${lotId}`);
  const fundingMode = stamp(given.fundingMode, `the funding mode of lot ${lotId}`);
  const currency = stamp(given.currency, `the currency of lot ${lotId}`);
  const [funder] = given.funders;
  stamp(funder, `funders of lot ${lotId}`);
  const shares = given.funders.reduce((sum, { shareBp }) => sum + shareBp, 0);
  if (shares !== 10_000 || new Set(given.funders.map(({ party }) => party)).size < given.funders.length) {
    fail('validation_failed', { detail: `Funders of lot ${lotId} are not each named once with shares of the whole.` });
  }
  return {
    contractVersion: given.contractVersion,
    fundingMode,
    funders: given.funders.map(({ party, shareBp }) => ({ party: partyOf(party), shareBp })),
    operatorFeeMicro: micro(stamp(given.operatorFee, `the operator’s fee of lot ${lotId}`)),
    feeOnOwn: given.feeOnOwn,
    currency,
  };
}

function movementOf(movement: LotMovement): Movement {
  const { lotId, issuer, points, originalPostingId, campaign, earnedAt, expiresAt } = movement;
  return {
    lotId,
    issuer: partyOf(issuer),
    points,
    originalPostingId,
    campaign,
    terms: lotTerms(movement),
    earnedAt: timestampDate(stamp(earnedAt, `the time lot ${lotId} was earned`)),
    expiresAt: expiresAt === undefined ? null : timestampDate(expiresAt),
  };
}

/** Terms of the redeemer. A quoted price overrides the contract's price. */
function redeemerTermsOf(posting: PostingRecorded): RedeemerTerms {
  const { contractVersion, reimbursementPrice, currency } = stamp(posting.redeemerTerms, 'redeemer_terms');
  const price = posting.quotedReimbursement === '' ? reimbursementPrice : posting.quotedReimbursement;
  return {
    contractVersion,
    reimbursementMicro: micro(stamp(price, 'a reimbursement price')),
    currency: stamp(currency, 'the redeemer’s currency'),
  };
}

/**
 * The fact in a posting that makes lines; null if it makes none.
 * @throws DomainError `validation_failed` if a stamp is missing
 */
export function postingFact(posting: PostingRecorded): PostingFact | null {
  const kind = KINDS[posting.kind];
  if (kind === undefined) return null;
  const fact = {
    postingId: posting.postingId,
    walletId: posting.walletId,
    actor: posting.brand,
    actorMemberRef: posting.memberRef,
    store: posting.store,
    occurredAt: timestampDate(stamp(posting.occurredAt, 'occurred_at')),
    postedAt: timestampDate(stamp(posting.postedAt, 'posted_at')),
    reference: posting.reference,
    asset: stamp(posting.asset, 'an asset'),
    movements: posting.movements.map(movementOf),
  };
  if (kind !== 'capture') return { ...fact, kind };
  return { ...fact, kind, actor: stamp(posting.brand, 'a redeemer'), redeemerTerms: redeemerTermsOf(posting) };
}
