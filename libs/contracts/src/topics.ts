/** Every internal topic of the alliance. deploy/kafka/topics.yaml has the same names, with partitions and retention. */
export const TOPICS = {
  /** BrandChanged, key = brand slug (`slug#1` and so on for further parts), compacted: the newest record of a slug is valid. */
  brands: 'hezong.partners.brands.v1',
  /** MemberLinkChanged, key = memberRef, compacted; a tombstone follows the end of a link. */
  links: 'hezong.crm.links.v1',
  /** MemberBound, key = wallet. */
  bindings: 'hezong.crm.bindings.v1',
  /** SuppressionRecorded, key = brand, kind and keyed hash, compacted; used only by crm. */
  suppressions: 'hezong.crm.suppressions.v1',
  /** PostingRecorded, key = wallet. */
  postings: 'hezong.ledger.postings.v1',
  /** OrderRecorded, OrderReturned and OrderDelivered, key = wallet. */
  orders: 'hezong.ledger.orders.v1',
  /** RewardSettled, key = wallet. */
  rewardAnswers: 'hezong.ledger.rewards.v1',
  /** TierChanged, key = wallet, compacted. */
  tiers: 'hezong.membership.tiers.v1',
  /** CommissionPosted, key = order. */
  commissions: 'hezong.referrals.commissions.v1',
  /** RebateDue and EarningsConverted, key = wallet. */
  rewards: 'hezong.referrals.rewards.v1',
  /** CycleChanged, key = cycle. */
  cycles: 'hezong.settlement.cycles.v1',
} as const;

export type Topic = (typeof TOPICS)[keyof typeof TOPICS];
