export {
  attestsAt,
  BRAND_STATUSES,
  contractAt,
  DEFAULT_LATENESS_DAYS,
  DEFAULT_LIMITS,
  earliestReport,
  hasRole,
  lastContractAt,
  limitsAt,
  mayAct,
  mayEarn,
  mayRedeem,
} from './brand.js';
export type { Brand, BrandRole, BrandStatus, Contract, IssuingLimits, LegalEntity, Store } from './brand.js';
export { brandFromSnapshot, isBrandSnapshot, snapshotFromBrand } from './brand-snapshot.js';
export type { BrandSnapshot, ContractSnapshot } from './brand-snapshot.js';
export { eventsFromSnapshot, keyOfPart, snapshotFromEvent } from './brand-event.js';
export { directoryTableSql } from './brand-directory.repository.js';
export { BrandDirectory } from './brand-directory.js';
export { DirectoryModule } from './directory.module.js';
export { memberLinkFrom } from './member-link.js';
export type { MemberLink } from './member-link.js';
export { memberLinkTableSql, storeLinks } from './member-links.repository.js';
export { MemberLinks, memberLinksProvider } from './member-links.js';
export { memberLinksConsumer, takeLinks } from './member-links.consumer.js';
