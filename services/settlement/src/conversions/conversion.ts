import { lineId } from '../entries/line.js';
import type { Line, LineType } from '../entries/line.js';
import { MEMBERS, OPERATOR } from '../parties/party.js';

/** Earnings converted to points issued by the operator, or taken back after a refund. */
export interface ConversionFact {
  readonly conversionId: string;
  /** The conversion that this one takes back from; empty if none. */
  readonly reverses: string;
  readonly walletId: string;
  /** Points times price, in millionths of a minor unit; negative if taken back. */
  readonly costMicro: bigint;
  readonly currency: string;
  readonly occurredAt: Date;
}

export function conversionType(costMicro: bigint): LineType {
  return costMicro < 0n ? 'conversion_reversal' : 'conversion';
}

/** The line of a conversion. The cost of the points is no longer owed to persons; the operator pays when the points are spent. */
export function conversionLine(fact: ConversionFact): Line {
  const type = conversionType(fact.costMicro);
  return {
    id: lineId(type, fact.conversionId, fact.conversionId),
    type,
    postingId: fact.conversionId,
    lotId: fact.conversionId,
    originalLineId: fact.reverses === '' ? null : lineId('conversion', fact.reverses, fact.reverses),
    originalPostingId: null,
    walletId: fact.walletId,
    actor: '',
    actorMemberRef: '',
    occurredAt: fact.occurredAt,
    postedAt: fact.occurredAt,
    payer: MEMBERS,
    payee: OPERATOR,
    issuer: OPERATOR,
    redeemer: null,
    store: null,
    asset: null,
    points: 0n,
    priceMicro: 0n,
    fixedMicro: fact.costMicro,
    currency: fact.currency,
    reference: null,
    stamps: null,
  };
}
