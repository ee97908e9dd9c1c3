/** Nest tokens of the event log and of messaging's configuration. */
export const EVENT_LOG = Symbol.for('hezong.EventLog');
export const MESSAGING_CONFIG = Symbol.for('hezong.MessagingConfig');
