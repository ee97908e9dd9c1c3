import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { BrandChanged, BrandChangedSchema, Contract as ContractMessage } from '#libs/contracts';
import { DEFAULT_LIMITS } from './brand.js';
import type { BrandStatus, IssuingLimits } from './brand.js';
import type { BrandSnapshot } from './brand-snapshot.js';

/**
 * Event body → snapshot; for one part, with the stores of that part. Proto3 leaves absent messages undefined; partners always sends a legal
 * entity.
 */
export function snapshotFromEvent(event: BrandChanged): BrandSnapshot {
  return {
    slug: event.slug,
    version: Number(event.version),
    name: event.name,
    status: event.status as BrandStatus,
    currency: event.currency,
    legalEntity: { id: event.legalEntity?.id ?? '', name: event.legalEntity?.name ?? '' },
    stores: event.stores.map(({ ref, name }) => ({ ref, name })),
    contracts: event.contracts.map((c) => ({
      id: c.id,
      version: c.version,
      validFrom: c.validFrom ? timestampDate(c.validFrom).toISOString() : new Date(0).toISOString(),
      validTo: c.validTo ? timestampDate(c.validTo).toISOString() : null,
      roles: [...c.roles],
      fundingMode: c.fundingMode,
      currency: c.currency,
      accrualPrice: c.accrualPrice,
      reimbursementPrice: c.reimbursementPrice,
      operatorFee: c.operatorFee,
      faceValue: c.faceValue,
      cycle: c.cycle,
      feeOnOwn: c.feeOnOwn,
      latenessDays: c.latenessDays ?? null,
      attests: [...c.attests],
      limits: limitsOf(c),
    })),
  };
}

function limitsOf({ limits }: ContractMessage): IssuingLimits {
  if (limits === undefined) return DEFAULT_LIMITS;
  const { order, grant, memberDay, brandDay, perMinorUnit } = limits;
  return {
    order: Number(order),
    grant: Number(grant),
    memberDay: Number(memberDay),
    brandDay: Number(brandDay),
    perMinorUnit: Number(perMinorUnit),
  };
}

type BrandBody = Exclude<MessageInitShape<typeof BrandChangedSchema>, BrandChanged>;

/** Stores per part; that many fit into an event however long their names are. */
const STORES_IN_A_PART = 1_000;

/** Key of a part's event: the newest record of each part stays in the compacted topic. */
export function keyOfPart(slug: string, part: number): string {
  return part === 0 ? slug : `${slug}#${part}`;
}

/** Snapshot → event bodies, one per thousand stores; together the inverse of {@link snapshotFromEvent}. */
export function eventsFromSnapshot(snapshot: BrandSnapshot, changedAt: Date): BrandBody[] {
  const parts = Math.max(1, Math.ceil(snapshot.stores.length / STORES_IN_A_PART));
  return Array.from({ length: parts }, (_, part) => ({
    ...bodyOf(snapshot, snapshot.stores.slice(part * STORES_IN_A_PART, (part + 1) * STORES_IN_A_PART), changedAt),
    part,
    parts,
  }));
}

function bodyOf(snapshot: BrandSnapshot, stores: BrandSnapshot['stores'], changedAt: Date): BrandBody {
  return {
    slug: snapshot.slug,
    version: BigInt(snapshot.version),
    name: snapshot.name,
    status: snapshot.status,
    currency: snapshot.currency,
    legalEntity: { ...snapshot.legalEntity },
    stores: stores.map((s) => ({ ...s })),
    contracts: snapshot.contracts.map(({ validFrom, validTo, roles, latenessDays, attests, limits, ...rest }) => ({
      ...rest,
      roles: [...roles],
      attests: [...attests],
      limits: {
        order: BigInt(limits.order),
        grant: BigInt(limits.grant),
        memberDay: BigInt(limits.memberDay),
        brandDay: BigInt(limits.brandDay),
        perMinorUnit: BigInt(limits.perMinorUnit),
      },
      validFrom: timestampFromDate(new Date(validFrom)),
      ...(validTo === null ? {} : { validTo: timestampFromDate(new Date(validTo)) }),
      ...(latenessDays === null ? {} : { latenessDays }),
    })),
    changedAt: timestampFromDate(changedAt),
  };
}
