import type { DescMessage } from '@bufbuild/protobuf';
import { MemberBoundSchema, MemberLinkChangedSchema } from './gen/hezong/crm/v1/links_pb.js';
import { SuppressionRecordedSchema } from './gen/hezong/crm/v1/suppressions_pb.js';
import { OrderDeliveredSchema, OrderRecordedSchema, OrderReturnedSchema } from './gen/hezong/ledger/v1/orders_pb.js';
import { PostingRecordedSchema } from './gen/hezong/ledger/v1/postings_pb.js';
import { RewardSettledSchema } from './gen/hezong/ledger/v1/rewards_pb.js';
import { TierChangedSchema } from './gen/hezong/membership/v1/tiers_pb.js';
import { BrandChangedSchema } from './gen/hezong/partners/v1/brands_pb.js';
import {
  CommissionPostedSchema,
  EarningsConvertedSchema,
  RebateDueSchema,
} from './gen/hezong/referrals/v1/commissions_pb.js';
import { CycleChangedSchema } from './gen/hezong/settlement/v1/cycles_pb.js';
import { TOPICS } from './topics.js';
import type { Topic } from './topics.js';

export interface TopicEvents {
  /** Subject of the records of one key; they keep their order. */
  readonly key: string;
  readonly messages: readonly DescMessage[];
}

export const TOPIC_EVENTS: Readonly<Record<Topic, TopicEvents>> = {
  [TOPICS.brands]: { key: 'slug of the brand', messages: [BrandChangedSchema] },
  [TOPICS.links]: { key: 'memberRef', messages: [MemberLinkChangedSchema] },
  [TOPICS.bindings]: { key: 'id of the wallet', messages: [MemberBoundSchema] },
  [TOPICS.suppressions]: { key: 'brand, kind and keyed hash', messages: [SuppressionRecordedSchema] },
  [TOPICS.postings]: { key: 'id of the wallet', messages: [PostingRecordedSchema] },
  [TOPICS.orders]: {
    key: 'id of the wallet',
    messages: [OrderRecordedSchema, OrderReturnedSchema, OrderDeliveredSchema],
  },
  [TOPICS.rewardAnswers]: { key: 'id of the wallet', messages: [RewardSettledSchema] },
  [TOPICS.tiers]: { key: 'id of the wallet', messages: [TierChangedSchema] },
  [TOPICS.commissions]: { key: 'id of the order', messages: [CommissionPostedSchema] },
  [TOPICS.rewards]: { key: 'id of the wallet', messages: [RebateDueSchema, EarningsConvertedSchema] },
  [TOPICS.cycles]: { key: 'cycle', messages: [CycleChangedSchema] },
};
