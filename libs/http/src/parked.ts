import { formatInstant } from '#libs/kernel';
import type { ParkedItem } from '#libs/messaging';
import { shape } from './answer.js';

/** An event that a service could not handle, as sent over the wire. */
export interface ParkedEvent {
  id: string;
  service: string;
  /** `waiting`: needs an operator. `trying`: a new attempt is under way. `set_aside`: an operator decided to skip it. */
  status: 'waiting' | 'trying' | 'set_aside';
  consumer: string;
  topic: string;
  key: string;
  eventId: string;
  type: string;
  code: string;
  reason: string;
  attempts: number;
  firstFailedAt: string;
  lastFailedAt: string;
  setAside: { by: string; reason: string; at: string } | null;
}

export function parkedEvent(service: string, record: ParkedItem): ParkedEvent {
  const { id, kind, group, topic, key, eventId, type, errorCode, errorMessage, attempts, releasing, setAside } = record;
  return {
    id,
    service,
    status: releasing ? 'trying' : kind === 'set_aside' ? 'set_aside' : 'waiting',
    consumer: group,
    topic,
    key,
    eventId,
    type,
    code: errorCode,
    reason: errorMessage,
    attempts,
    firstFailedAt: formatInstant(record.firstFailedAt),
    lastFailedAt: formatInstant(record.lastFailedAt),
    setAside: setAside === null ? null : { ...setAside, at: formatInstant(setAside.at) },
  };
}

/** Shape of {@link ParkedEvent} for the API's documentation. */
export const PARKED_EVENT = shape.named('ParkedEvent', {
  id: shape.text,
  service: shape.text,
  status: shape.oneOf(['waiting', 'trying', 'set_aside']),
  consumer: shape.text,
  topic: shape.text,
  key: shape.text,
  eventId: shape.text,
  type: shape.text,
  code: shape.text,
  reason: shape.text,
  attempts: shape.whole,
  firstFailedAt: shape.instant,
  lastFailedAt: shape.instant,
  setAside: shape.maybe(shape.object({ by: shape.text, reason: shape.text, at: shape.instant })),
});
