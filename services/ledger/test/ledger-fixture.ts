import type pg from 'pg';
import { inCellOf, requestHash, uuidv7, uuidv7For } from '#libs/kernel';
import { createClient } from '#libs/postgres';
import { testDatabase } from '#libs/testing';
import type { TestDatabase } from '#libs/testing';
import { ledgerInvariants } from '../src/invariants/ledger-invariants.js';
import { contractTerms } from '../src/postings/contract-terms.js';
import type { ContractPrices, ContractTerms } from '../src/postings/contract-terms.js';
import type {
  Accrual,
  AccrualReversal,
  Authorization,
  Capture,
  Delivery,
  NewLot,
  RedemptionReturn,
  TakeBack,
  Transfer,
  Void,
} from '../src/postings/posting.js';
import { PostingsService } from '../src/postings/postings.service.js';

export const START = new Date('2026-03-02T00:00:00Z');
export const day = (n: number): Date => new Date(START.getTime() + n * 86_400_000);

/** The ledger core with its own database. */
export class LedgerFixture {
  readonly postings: PostingsService;

  private constructor(
    readonly db: TestDatabase,
    readonly owner: pg.Client,
    private readonly lanes: number,
  ) {
    this.postings = this.process(0);
  }

  /** The ledger core of another process; the caller shuts it down. */
  process(instance: number): PostingsService {
    return new PostingsService({ databaseUrl: this.db.databaseUrl, instance, lanes: this.lanes });
  }

  static async open(lanes = 2): Promise<LedgerFixture> {
    const db = await testDatabase('ledger');
    const owner = createClient(db.ownerUrl, 'ledger-test');
    await owner.connect();
    return new LedgerFixture(db, owner, lanes);
  }

  /** Checks all invariants of the books, then closes. */
  async close(): Promise<void> {
    try {
      await this.expectInvariants();
    } finally {
      await this.postings.onApplicationShutdown();
      await this.owner.end();
      await this.db.drop();
    }
  }

  async expectInvariants(): Promise<void> {
    const checks = await ledgerInvariants(
      async (sql) => (await this.owner.query<{ name: string; expected: string; measured: string }>(sql)).rows,
    );
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(checks.length).toBeGreaterThan(10);
  }

  async value<T>(sql: string, values: unknown[] = []): Promise<T> {
    const { rows } = await this.owner.query<Record<string, T>>(sql, values);
    return Object.values(rows[0] ?? {})[0] as T;
  }
}

interface Common {
  externalId: string;
  requestHash: Buffer;
  result: unknown;
  walletId: string;
  postedAt: Date;
  occurredAt: Date;
}

function common(walletId: string, at: Date): Common {
  const externalId = uuidv7();
  return {
    externalId,
    requestHash: requestHash(externalId),
    result: { for: externalId },
    walletId,
    postedAt: at,
    occurredAt: at,
  };
}

/** A contract with the prices of the worked example. */
export function aContract(over: Partial<ContractPrices> = {}): ContractPrices {
  return {
    version: 1,
    currency: 'CNY',
    fundingMode: 'pay_at_redemption',
    accrualPrice: '1.05',
    operatorFee: '0.15',
    feeOnOwn: false,
    reimbursementPrice: '0.90',
    ...over,
  };
}

export function someTerms(brand: string, over: Partial<ContractPrices> = {}): ContractTerms {
  return contractTerms(brand, aContract(over));
}

/** A lot without an owner yet: of its accrual's issuer and under default terms unless specified. */
export type LotAsk = Omit<NewLot, 'terms'> & { readonly terms?: ContractTerms; readonly issuer?: string };

export function aLot(points: number, extra: Partial<LotAsk> = {}): LotAsk {
  return {
    id: uuidv7(),
    points: BigInt(points),
    availableFrom: null,
    expiresAt: day(300),
    campaign: null,
    reason: 'purchase',
    ruleId: 'er_1',
    ...extra,
  };
}

export function anAccrual(walletId: string, brand: string, lots: readonly LotAsk[], at = START): Accrual {
  return {
    ...common(walletId, at),
    brand,
    kind: 'order',
    id: uuidv7For(walletId),
    memberRef: `mb_${brand}`,
    store: `${brand}-1`,
    issuer: brand,
    lots: lots.map(({ issuer, ...lot }) => ({
      terms: someTerms(issuer ?? brand),
      ...lot,
      id: inCellOf(walletId, lot.id),
    })),
    purchase: { currency: 'CNY', campaign: null },
  };
}

export function anAuthorization(
  walletId: string,
  brand: string,
  points: number,
  at = START,
  extra: Partial<Authorization> = {},
): Authorization {
  return {
    ...common(walletId, at),
    brand,
    id: uuidv7For(walletId),
    memberRef: `mb_${brand}`,
    store: null,
    points: BigInt(points),
    terms: someTerms(brand),
    expiresAt: day(10_000),
    ...extra,
  };
}

export function aCapture(hold: Authorization, points: number | null, final = true, at = START): Capture {
  const { walletId, brand } = hold;
  return {
    ...common(walletId, at),
    brand,
    id: uuidv7For(walletId),
    authorizationId: hold.id,
    points: points === null ? null : BigInt(points),
    terms: someTerms(brand),
    final,
  };
}

export function aVoid(hold: Authorization, at = START): Void {
  return { ...common(hold.walletId, at), brand: hold.brand, id: uuidv7For(hold.walletId), authorizationId: hold.id };
}

export function aGiveBack(hold: Authorization, points: number, at = START): RedemptionReturn {
  return {
    ...common(hold.walletId, at),
    brand: hold.brand,
    id: uuidv7For(hold.walletId),
    authorizationId: hold.id,
    points: BigInt(points),
  };
}

export function aTransfer(
  from: string,
  to: string,
  points: number,
  at = START,
  extra: Partial<Transfer> = {},
): Transfer {
  return {
    ...common(from, at),
    brand: 'aurora',
    id: uuidv7For(from),
    memberRef: 'mb_from',
    toWalletId: to,
    toMemberRef: 'mb_to',
    points: BigInt(points),
    ...extra,
  };
}

/** A return by the order's brand that takes back what an order or grant earned; `parts` are the shares per issuer. */
export function aReversal(
  order: Accrual,
  expectedReturnVersion: number,
  parts: { issuer: string; points: number }[],
  at = START,
): AccrualReversal {
  return {
    ...common(order.walletId, at),
    brand: order.brand,
    id: uuidv7For(order.walletId),
    purchaseId: order.id,
    memberRef: order.memberRef,
    store: null,
    expectedReturnVersion,
    returned: {},
    points: parts.reduce((sum, { points }) => sum + BigInt(points), 0n),
    parts: parts.map(({ issuer, points }) => ({ issuer, points: BigInt(points) })),
  };
}

export function aDelivery(order: Accrual, at = START, lateDays = 0): Delivery {
  return {
    ...common(order.walletId, at),
    brand: order.brand,
    id: uuidv7For(order.walletId),
    purchaseId: order.id,
    freeFrom: new Date(at.getTime() - lateDays * 86_400_000),
    lateDays,
    zone: 'Asia/Shanghai',
  };
}

export function aTakeBack(grant: Accrual, points: number, at = START): TakeBack {
  const { brand, id: originId, issuer, memberRef, walletId } = grant;
  return {
    ...common(walletId, at),
    kind: 'grant',
    brand,
    id: uuidv7For(walletId),
    issuer,
    terms: someTerms(issuer),
    memberRef,
    originId,
    points: BigInt(points),
  };
}
