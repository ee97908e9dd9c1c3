/** Life cycle of a brand in the alliance, in its usual order. */
export const BRAND_STATUSES = ['applied', 'reviewed', 'sandbox', 'live', 'suspended', 'exiting', 'closed'] as const;
export type BrandStatus = (typeof BRAND_STATUSES)[number];

export type BrandRole = 'issuer' | 'redeemer';

/** A legal entity settles money; several brands may share one. */
export interface LegalEntity {
  readonly id: string;
  readonly name: string;
}

export interface Store {
  readonly ref: string;
  readonly name: string;
}

/**
 * One version of a brand's contract, valid in `[validFrom, validTo)`; `validTo` null means open-ended.
 * Prices are exact decimal strings in minor units per point (`"0.90"` is 0.90 fen).
 */
export interface Contract {
  readonly id: string;
  readonly version: number;
  readonly validFrom: Date;
  readonly validTo: Date | null;
  readonly roles: readonly string[];
  readonly fundingMode: string;
  readonly currency: string;
  readonly accrualPrice: string;
  readonly reimbursementPrice: string;
  readonly operatorFee: string;
  readonly faceValue: string;
  readonly cycle: string;
  readonly feeOnOwn: boolean;
  /** Number of days after which an order or a grant is too old to be accepted; null for no limit, for the import of history. */
  readonly latenessDays: number | null;
  /** Kinds of contact points (`phone`, `email`) that count as verified when the brand sends them without a statement. */
  readonly attests: readonly string[];
  /** Limits of points above which a second approval is needed. */
  readonly limits: IssuingLimits;
}

/** Most points that a brand may give without approval: whole points, days of the alliance. */
export interface IssuingLimits {
  /** Points of one order. */
  readonly order: number;
  /** Points of one grant. */
  readonly grant: number;
  /** Points from the brand's orders and grants for one member within a day. */
  readonly memberDay: number;
  /** Points from the brand's orders and grants within a day. */
  readonly brandDay: number;
  /** Points that an earning rule gives per minor unit of money. */
  readonly perMinorUnit: number;
}

/** Default for contracts that set none. */
export const DEFAULT_LIMITS: IssuingLimits = {
  order: 10_000_000,
  grant: 1_000_000,
  memberDay: 10_000_000,
  brandDay: 1_000_000_000,
  perMinorUnit: 10,
};

/** Default for contracts that set none. */
export const DEFAULT_LATENESS_DAYS = 30;

const DAY_MS = 86_400_000;

/** A brand as known to every service. `version` increases by one with each change; contracts are in order of validity. */
export interface Brand {
  readonly slug: string;
  readonly version: number;
  readonly name: string;
  readonly status: BrandStatus;
  readonly currency: string;
  readonly legalEntity: LegalEntity;
  readonly stores: readonly Store[];
  readonly contracts: readonly Contract[];
}

/** The contract in force at an instant, or null. Versions never overlap, so there is at most one. */
export function contractAt(brand: Brand, instant: Date): Contract | null {
  const at = instant.getTime();
  // The newest version is needed most often, so the search starts at the end.
  for (let i = brand.contracts.length - 1; i >= 0; i--) {
    const contract = brand.contracts[i];
    if (contract === undefined || contract.validFrom.getTime() > at) continue;
    if (contract.validTo === null || contract.validTo.getTime() > at) return contract;
  }
  return null;
}

/**
 * Kinds of contact points attested by the brand's contract at an instant. Members are imported before a contract begins, so the next
 * contract counts too; an ended one does not.
 */
export function attestsAt(brand: Brand, instant: Date): readonly string[] {
  const standing = brand.contracts.find(({ validTo }) => validTo === null || validTo.getTime() > instant.getTime());
  return standing?.attests ?? [];
}

/** The contract in force at an instant, or else the last one before it; null before the first. */
export function lastContractAt(brand: Brand, instant: Date): Contract | null {
  return brand.contracts.findLast(({ validFrom }) => validFrom.getTime() <= instant.getTime()) ?? null;
}

/** The earliest time that a brand may report at `now`, by its contract in force or its last one; null for no limit. */
export function earliestReport(brand: Brand, now: Date): Date | null {
  const contract = lastContractAt(brand, now);
  const days = contract === null ? DEFAULT_LATENESS_DAYS : contract.latenessDays;
  return days === null ? null : new Date(now.getTime() - days * DAY_MS);
}

/** Limits of the contract in force at an instant, or of the last one before it. */
export function limitsAt(brand: Brand, instant: Date): IssuingLimits {
  return lastContractAt(brand, instant)?.limits ?? DEFAULT_LIMITS;
}

/** Whether new points may be issued in this brand's name. An exiting brand loses this right first. */
export function mayEarn(brand: Pick<Brand, 'status'>): boolean {
  return brand.status === 'live' || brand.status === 'sandbox';
}

/** Whether this brand's clients may act at all. They may not before it is live, while it is suspended and after it is closed. */
export function mayAct(brand: Pick<Brand, 'status'>): boolean {
  return mayRedeem(brand);
}

/**
 * Whether points may be spent at this brand. Members of an exiting brand can spend during the run-off.
 * A suspended brand neither issues nor redeems: answer 403 `brand_suspended`.
 */
export function mayRedeem(brand: Pick<Brand, 'status'>): boolean {
  return mayEarn(brand) || brand.status === 'exiting';
}

/** Whether the contract in force at `instant` gives the brand this role. Without a contract it has no role. */
export function hasRole(brand: Brand, role: BrandRole, instant: Date): boolean {
  return contractAt(brand, instant)?.roles.includes(role) ?? false;
}
