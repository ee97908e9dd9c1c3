import { createRegistry, type DescFile, type Registry } from '@bufbuild/protobuf';
import { file_hezong_crm_v1_links } from './gen/hezong/crm/v1/links_pb.js';
import { file_hezong_crm_v1_suppressions } from './gen/hezong/crm/v1/suppressions_pb.js';
import { file_hezong_ledger_v1_orders } from './gen/hezong/ledger/v1/orders_pb.js';
import { file_hezong_ledger_v1_postings } from './gen/hezong/ledger/v1/postings_pb.js';
import { file_hezong_ledger_v1_rewards } from './gen/hezong/ledger/v1/rewards_pb.js';
import { file_hezong_membership_v1_tiers } from './gen/hezong/membership/v1/tiers_pb.js';
import { file_hezong_partners_v1_brands } from './gen/hezong/partners/v1/brands_pb.js';
import { file_hezong_referrals_v1_commissions } from './gen/hezong/referrals/v1/commissions_pb.js';
import { file_hezong_settlement_v1_cycles } from './gen/hezong/settlement/v1/cycles_pb.js';

/** Proto files whose messages are published as events. Any other message is an unknown type to every consumer. */
export const EVENT_FILES: readonly DescFile[] = [
  file_hezong_crm_v1_links,
  file_hezong_crm_v1_suppressions,
  file_hezong_ledger_v1_orders,
  file_hezong_ledger_v1_postings,
  file_hezong_ledger_v1_rewards,
  file_hezong_membership_v1_tiers,
  file_hezong_partners_v1_brands,
  file_hezong_referrals_v1_commissions,
  file_hezong_settlement_v1_cycles,
];

/** Finds a message by its full name, e.g. `hezong.ledger.v1.PostingRecorded`. */
export const eventRegistry: Registry = createRegistry(...EVENT_FILES);
