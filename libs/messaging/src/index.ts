export { declareAcls, readAcls } from './kafka/acls.js';
export type { KafkaUser } from './kafka/acls.js';
export { attachConsumers } from './attach.js';
export { readHeaders, toEntry } from './cloud-events.js';
export type { EventHeaders } from './cloud-events.js';
export { EventBatch, ReceivedEvent } from './event-batch.js';
export { Messaging } from './messaging.js';
export type { ConsumerLag, SourceBacklog } from './messaging.js';
export { MessagingModule } from './messaging.module.js';
export { OnEvents } from './on-events.js';
export type { OnEventsOptions } from './on-events.js';
export { discard, listParked, release, rewindGroup, showParked } from './operator.js';
export type { ParkedFilter, ParkedItem, ParkedPart } from './operator.js';
export { Outbox } from './outbox.js';
export type { OutboxEvent } from './outbox.js';
export { IN_ORDER, RELAY_START } from './ports.js';
export type {
  EventLog,
  GroupLag,
  KafkaAccess,
  LogEntry,
  LogRecord,
  MessagingConfig,
  OutgoingRecord,
  PartitionProgress,
  RelayPosition,
  RelaySource,
  Subscription,
  TopicDeclaration,
} from './ports.js';
export { messagingTablesSql } from './tables.js';
export { EVENT_LOG, MESSAGING_CONFIG } from './tokens.js';
export { declareTopics, openEventLog, readTopics } from './topics.js';
