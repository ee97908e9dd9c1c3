import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';

/**
 * A time that every event of its kind has.
 * @throws Error naming the missing field: such an event cannot be handled
 */
export function instant(timestamp: Timestamp | undefined, field: string): Date {
  if (timestamp === undefined) throw new Error(`an event without ${field}`);
  return timestampDate(timestamp);
}
