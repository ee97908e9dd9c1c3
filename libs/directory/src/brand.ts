/** Life cycle of a brand in the alliance, in the order it is normally walked. */
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
 * One version of a brand's agreement, valid in `[validFrom, validTo)`; `validTo` null is an open end.
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
  /** How many days after it happened an order or a grant is still taken; null for no limit, for the import of history. */
  readonly latenessDays: number | null;
  /** Kinds of contact points (`phone`, `email`) that the brand has proven when it sends them without saying how. */
  readonly attests: readonly string[];
  /** What of points may be given before somebody else has to agree. */
  readonly limits: IssuingLimits;
}

/** The most that a brand gives by itself: whole points, days of the alliance. */
export interface IssuingLimits {
  /** Points of one order. */
  readonly order: number;
  /** Points of one grant. */
  readonly grant: number;
  /** Points by orders and grants of the brand for one member within a day. */
  readonly memberDay: number;
  /** Points by orders and grants of the brand within a day. */
  readonly brandDay: number;
  /** Points that an earning rule gives for one minor unit of money. */
  readonly perMinorUnit: number;
}

/** Unless a contract says otherwise. */
export const DEFAULT_LIMITS: IssuingLimits = {
  order: 10_000_000,
  grant: 1_000_000,
  memberDay: 10_000_000,
  brandDay: 1_000_000_000,
  perMinorUnit: 10,
};

/** Unless a contract says otherwise. */
export const DEFAULT_LATENESS_DAYS = 30;

const DAY_MS = 86_400_000;

/** A brand as every service knows it. `version` grows by one with each change, contracts are in order of validity. */
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
  // The newest version is asked for most, hence from the end.
  for (let i = brand.contracts.length - 1; i >= 0; i--) {
    const contract = brand.contracts[i];
    if (contract === undefined || contract.validFrom.getTime() > at) continue;
    if (contract.validTo === null || contract.validTo.getTime() > at) return contract;
  }
  return null;
}

/**
 * What the brand attests at an instant by its contract. Members are brought in before a contract begins, so the next one counts
 * too; one that ended says nothing any more.
 */
export function attestsAt(brand: Brand, instant: Date): readonly string[] {
  const standing = brand.contracts.find(({ validTo }) => validTo === null || validTo.getTime() > instant.getTime());
  return standing?.attests ?? [];
}

/** The contract in force at an instant, or else the one that was in force last before it; null before the first. */
export function lastContractAt(brand: Brand, instant: Date): Contract | null {
  return brand.contracts.findLast(({ validFrom }) => validFrom.getTime() <= instant.getTime()) ?? null;
}

/** The earliest time that a brand may report at `now`, by its contract in force or the last that was; null for no limit. */
export function earliestReport(brand: Brand, now: Date): Date | null {
  const contract = lastContractAt(brand, now);
  const days = contract === null ? DEFAULT_LATENESS_DAYS : contract.latenessDays;
  return days === null ? null : new Date(now.getTime() - days * DAY_MS);
}

/** The limits of the contract in force at an instant, or of the last one that was. */
export function limitsAt(brand: Brand, instant: Date): IssuingLimits {
  return lastContractAt(brand, instant)?.limits ?? DEFAULT_LIMITS;
}

/** May new points be issued in this brand's name? A brand on its way out stops here first. */
export function mayEarn(brand: Pick<Brand, 'status'>): boolean {
  return brand.status === 'live' || brand.status === 'sandbox';
}

/** May this brand's clients act at all? Before it is in, while it is suspended and after it was closed they may not. */
export function mayAct(brand: Pick<Brand, 'status'>): boolean {
  return mayRedeem(brand);
}

/**
 * May points be spent at this brand? Members of an exiting brand keep spending through the run-off.
 * A suspended brand neither earns nor redeems: answer 403 `brand_suspended`.
 */
export function mayRedeem(brand: Pick<Brand, 'status'>): boolean {
  return mayEarn(brand) || brand.status === 'exiting';
}

/** Does the contract in force at `instant` give the brand this role? No contract gives no role. */
export function hasRole(brand: Brand, role: BrandRole, instant: Date): boolean {
  return contractAt(brand, instant)?.roles.includes(role) ?? false;
}
