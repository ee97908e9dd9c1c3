type Json = Record<string, unknown>;

let counter = 0;
const next = (): number => (counter += 1);

/** A valid mainland mobile number, unique in this process. */
export function somePhone(): string {
  return `+86138${String(next()).padStart(8, '0')}`;
}

/** Body of `POST /v1/operator/brands`. */
export function aBrand(slug: string, over: Json = {}): Json {
  return {
    slug,
    name: `Brand ${slug}`,
    legalEntity: { id: `le-${slug}`, name: `${slug} Ltd` },
    currency: 'CNY',
    stores: [{ ref: `${slug}-1`, name: 'First store' }],
    ...over,
  };
}

/** Body of `POST /v1/operator/brands/{slug}/contracts`: the worked example's prices. */
export function aContract(over: Json = {}): Json {
  return {
    validFrom: '2026-01-01T00:00:00+08:00',
    validTo: null,
    roles: ['issuer', 'redeemer'],
    fundingMode: 'pay_at_redemption',
    currency: 'CNY',
    prices: { accrual: '1.05', reimbursement: '0.90', operatorFee: '0.15' },
    faceValue: '1.00',
    cycle: 'monthly',
    ...over,
  };
}

/** Body of `POST /v1/operator/earning-rules`: one point per 100 minor units, valid for a rolling year. */
export function anEarningRule(brand: string, over: Json = {}): Json {
  return {
    brand,
    name: 'base',
    validFrom: '2026-01-01T00:00:00+08:00',
    validTo: null,
    match: { stores: [], categories: [], excludeCategories: [], tiers: [] },
    earn: { points: 1, per: 100 },
    rounding: 'floor',
    pendingDays: 0,
    expiry: { kind: 'rolling', months: 12, roundTo: 'month' },
    ...over,
  };
}

/** Body of `POST /v1/members`. */
export function aMember(externalId: string, over: Json = {}): Json {
  return {
    externalId,
    phone: somePhone(),
    consents: [
      {
        purpose: 'join_pool',
        granted: true,
        policyVersion: '2026-01',
        channel: 'app',
        at: '2026-03-01T09:00:00+08:00',
      },
    ],
    ...over,
  };
}

/** Body of `POST /v1/orders` with one line of `net`. */
export function anOrder(externalId: string, memberRef: string, storeRef: string, net: number, over: Json = {}): Json {
  return {
    externalId,
    memberRef,
    storeRef,
    occurredAt: '2026-03-02T08:00:00+08:00',
    currency: 'CNY',
    lines: [{ lineId: '1', sku: 'sku-1', category: 'drinks', quantity: 2, net }],
    ...over,
  };
}
