import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { BrandChanged, BrandChangedSchema } from '#libs/contracts';
import type { BrandStatus } from './brand.js';
import type { BrandSnapshot } from './brand-snapshot.js';

/** Event body → snapshot. Proto3 leaves absent messages undefined; partners never sends a brand without its legal entity. */
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
    })),
  };
}

/** Snapshot → event body; the inverse of {@link snapshotFromEvent}. */
export function eventFromSnapshot(
  snapshot: BrandSnapshot,
  changedAt: Date,
): Exclude<MessageInitShape<typeof BrandChangedSchema>, BrandChanged> {
  return {
    slug: snapshot.slug,
    version: BigInt(snapshot.version),
    name: snapshot.name,
    status: snapshot.status,
    currency: snapshot.currency,
    legalEntity: { ...snapshot.legalEntity },
    stores: snapshot.stores.map((s) => ({ ...s })),
    contracts: snapshot.contracts.map(({ validFrom, validTo, roles, latenessDays, attests, ...rest }) => ({
      ...rest,
      roles: [...roles],
      attests: [...attests],
      validFrom: timestampFromDate(new Date(validFrom)),
      ...(validTo === null ? {} : { validTo: timestampFromDate(new Date(validTo)) }),
      ...(latenessDays === null ? {} : { latenessDays }),
    })),
    changedAt: timestampFromDate(changedAt),
  };
}
