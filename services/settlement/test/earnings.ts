import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Commission, Conversion } from './settlement-under-test.js';

export type Leg = [legId: string, party: string, payee: string, amount: bigint, reverses?: string];

export function commission(entryId: string, at: string, legs: Leg[], over: Commission = {}): Commission {
  const time = timestampFromDate(new Date(at));
  return {
    entryId,
    commissionId: 'cm-1',
    orderId: 'order-1',
    orderExternalId: 'B-77',
    offerId: 'offer-1',
    seller: 'birch',
    store: 'birch-1',
    walletId: 'm1',
    currency: 'CNY',
    occurredAt: time,
    postedAt: time,
    legs: legs.map(([legId, party, payee, amount, reversesLegId = '']) => ({
      legId,
      party,
      payee,
      amount,
      reversesLegId,
    })),
    ...over,
  };
}

/** 10 % of 1,000.00 at B: distributor 60, upline 10, contributor A 20, operator 10; the buyer's rebate makes no line. */
export const sale = commission('ce1', '2026-03-15T10:00:00+08:00', [
  ['l1', 'distributor', 'members', 6_000n],
  ['l2', 'introducer', 'members', 1_000n],
  ['l3', 'contributor', 'brand:aurora', 2_000n],
  ['l4', 'operator', 'operator', 1_000n],
  ['l5', 'memberRebate', 'members', 500n],
]);
export const refund = commission('ce2', '2026-03-18T10:00:00+08:00', [
  ['r1', 'distributor', 'members', -2_400n, 'l1'],
  ['r2', 'introducer', 'members', -400n, 'l2'],
  ['r3', 'contributor', 'brand:aurora', -800n, 'l3'],
  ['r4', 'operator', 'operator', -400n, 'l4'],
]);

/** D's 60.00 at 1.05 fen: 5,714 points; after the refund 2,285 of them are taken back. */
export const conversion = (
  id: string,
  at: string,
  points: bigint,
  cost: string,
  over: Conversion = {},
): Conversion => ({
  conversionId: id,
  walletId: 'd1',
  points,
  price: '1.05',
  cost,
  currency: 'CNY',
  occurredAt: timestampFromDate(new Date(at)),
  ...over,
});
export const converted = conversion('cv1', '2026-03-20T10:00:00+08:00', 5_714n, '5999.70');
export const takenBack = conversion('cv2', '2026-03-21T10:00:00+08:00', -2_285n, '-2399.25', {
  reversesConversionId: 'cv1',
});
