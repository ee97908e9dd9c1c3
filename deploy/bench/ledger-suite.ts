import { randomInt } from 'node:crypto';
import { requestHash, uuidv7, uuidv7For } from '#libs/kernel';
import { contractTerms } from '../../services/ledger/src/postings/contract-terms.js';
import type { ContractTerms } from '../../services/ledger/src/postings/contract-terms.js';
import type {
  Accrual,
  Authorization,
  Capture,
  NewLot,
  PostingOutcome,
} from '../../services/ledger/src/postings/posting.js';
import { PostingsService } from '../../services/ledger/src/postings/postings.service.js';
import { drive } from './cases.js';
import type { BenchContext, BenchSuite } from './cases.js';

const WALLETS = 20_000;
const LOTS = 5;
const BRANDS = Array.from({ length: 40 }, (_, n) => `brand${n}`);
const CALLERS = 64;
const AT = new Date('2026-03-02T08:00:00Z');
const LATER = new Date('2026-03-03T08:00:00Z');
const EXPIRES = ['2027-01-31', '2027-02-28', '2027-03-31', '2027-04-30', '2027-05-31'].map(
  (day) => new Date(`${day}T15:59:59Z`),
);

/** An order's answer and document as in the service, so that their cost is measured too. */
const RESULT = {
  status: 201,
  body: {
    points: { earned: 56, pending: 0, availableAt: null },
    lines: [{ lineId: '1', points: 56 }],
    trace: ['base v1: 1 per 100 on 5600 = 56'],
  },
};
const DOCUMENT = {
  lines: [{ lineId: '1', sku: 'latte', category: 'drinks', quantity: 2, net: 5600, points: 56 }],
  rules: [{ id: 'er_01', version: 1, points: 56 }],
  trace: RESULT.body.trace,
};

const CONTRACT = {
  version: 1,
  currency: 'CNY',
  fundingMode: 'pay_at_redemption',
  accrualPrice: '1.05',
  operatorFee: '0.15',
  feeOnOwn: false,
  reimbursementPrice: '0.90',
};

/** Contracts are shared, as in the service. */
const CONTRACTS = new Map(BRANDS.map((brand) => [brand, { ...CONTRACT }]));

function termsOf(brand: string): ContractTerms {
  return contractTerms(brand, CONTRACTS.get(brand) ?? CONTRACT);
}

function one<T>(list: readonly T[]): T {
  const chosen = list[randomInt(list.length)];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
}

function common(
  walletId: string,
  brand: string,
): Pick<Accrual, 'brand' | 'externalId' | 'requestHash' | 'result' | 'walletId' | 'postedAt' | 'occurredAt'> {
  const externalId = uuidv7();
  return {
    brand,
    externalId,
    requestHash: requestHash(externalId),
    result: RESULT,
    walletId,
    postedAt: AT,
    occurredAt: AT,
  };
}

type Lot = Omit<NewLot, 'id' | 'terms'>;

function lot(points: bigint, expiresAt: Date | undefined): Lot {
  return {
    points,
    availableFrom: null,
    expiresAt: expiresAt ?? null,
    campaign: null,
    reason: 'purchase',
    ruleId: 'er_01',
  };
}

function order(walletId: string, brand: string, lots: readonly Lot[]): Accrual {
  return {
    ...common(walletId, brand),
    kind: 'order',
    id: uuidv7For(walletId),
    memberRef: 'mb_01ABCDEFGHJKMNPQRSTVWXYZ01',
    store: 'A-001',
    issuer: brand,
    result: DOCUMENT,
    lots: lots.map((given) => ({ ...given, id: uuidv7For(walletId), terms: termsOf(brand) })),
    purchase: { currency: 'CNY', campaign: null },
  };
}

function authorization(walletId: string, brand: string, captureAtOnce: boolean): Authorization {
  const memberRef = 'mb_01ABCDEFGHJKMNPQRSTVWXYZ02';
  return {
    ...common(walletId, brand),
    id: uuidv7For(walletId),
    memberRef,
    store: 'C-014',
    points: 100n,
    expiresAt: LATER,
    terms: termsOf(brand),
    captureAtOnce,
  };
}

function capture(hold: Authorization): Capture {
  const { id, walletId, brand, terms } = hold;
  return { ...common(walletId, brand), id: uuidv7For(walletId), authorizationId: id, points: null, final: true, terms };
}

async function effect(posted: Promise<PostingOutcome>): Promise<void> {
  const outcome = await posted;
  if (outcome.verdict !== 'created' || outcome.replayed)
    throw new Error(`not an effect: ${outcome.verdict} ${outcome.code ?? ''}`);
}

/** The ledger core alone: queue, lanes, functions. It is called in the same process, as a service does. */
export async function ledgerSuite(context: BenchContext): Promise<BenchSuite> {
  const postings = new PostingsService({ databaseUrl: context.ledgerUrl, instance: 0, lanes: 2 });
  const wallets = Array.from({ length: WALLETS }, () => uuidv7());
  const full = (walletId: string): Accrual =>
    order(
      walletId,
      one(BRANDS),
      EXPIRES.map((expiry) => lot(BigInt(100_000 / LOTS), expiry)),
    );
  for (let from = 0; from < WALLETS; from += 1_000) {
    await Promise.all(wallets.slice(from, from + 1_000).map((walletId) => effect(postings.accrue(full(walletId)))));
  }
  const earn = (brand: () => string) => (): Promise<void> =>
    effect(postings.accrue(order(one(wallets), brand(), [lot(56n, EXPIRES[2])])));
  const redeem = (): Promise<void> => effect(postings.authorize(authorization(one(wallets), one(BRANDS), true)));
  const pair = async (): Promise<void> => {
    const hold = authorization(one(wallets), one(BRANDS), false);
    await effect(postings.authorize(hold));
    await effect(postings.capture(capture(hold)));
  };
  const { seconds } = context;
  return {
    cases: [
      {
        name: 'earn, random brand and member, 64 callers',
        target: 1.5,
        stretch: 2,
        run: () =>
          drive(
            CALLERS,
            seconds,
            earn(() => one(BRANDS)),
          ),
      },
      {
        name: 'earn, one hot brand, 64 callers',
        target: 1.5,
        stretch: 2.5,
        run: () =>
          drive(
            CALLERS,
            seconds,
            earn(() => 'brand0'),
          ),
      },
      {
        name: `redeem with lots (${LOTS} a member), 64 callers`,
        target: 1,
        stretch: 1.4,
        run: () => drive(CALLERS, seconds, redeem),
      },
      {
        name: 'authorize + capture pairs, 64 callers',
        target: 0.6,
        stretch: 0.9,
        run: () => drive(CALLERS, seconds, pair),
      },
      {
        name: 'earn in full batches, 400 callers',
        target: 2,
        stretch: 3,
        run: () =>
          drive(
            400,
            seconds,
            earn(() => one(BRANDS)),
          ),
      },
      {
        name: 'earn, a single caller',
        atMostMs: 2,
        run: () =>
          drive(
            1,
            seconds,
            earn(() => one(BRANDS)),
          ),
      },
    ],
    close: () => postings.onApplicationShutdown(),
  };
}
