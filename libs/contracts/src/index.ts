export * from './topics.js';
export * from './registry.js';
export * from './gen/hezong/crm/v1/links_pb.js';
export * from './gen/hezong/ledger/v1/postings_pb.js';
export * from './gen/hezong/partners/v1/brands_pb.js';
export * from './gen/hezong/settlement/v1/cycles_pb.js';
