import type { LogEntry } from '../ports.js';

/** Half of a broker's default limit for one batch of a partition. Bytes. */
const PART = 524_288;
/** Overhead of a record and of each header, apart from their text. Bytes, rounded up. */
const FRAME = 16;

/** Size of a record in a request, before compression. Bytes. */
function spaceOf(entry: LogEntry): number {
  let bytes = FRAME + entry.key.length * 3 + (entry.value?.byteLength ?? 0);
  for (const [name, value] of Object.entries(entry.headers)) bytes += FRAME + name.length + value.length * 3;
  return bytes;
}

export function sizeOf(entries: readonly LogEntry[]): number {
  return entries.reduce((sum, entry) => sum + spaceOf(entry), 0);
}

/** Splits records, in order, into parts that a broker accepts; a record that is larger gets its own part. */
export function partsOf(entries: readonly LogEntry[]): LogEntry[][] {
  const parts: LogEntry[][] = [];
  let room = 0;
  for (const entry of entries) {
    const bytes = spaceOf(entry);
    const last = parts.at(-1);
    if (last === undefined || bytes > room) {
      parts.push([entry]);
      room = PART - bytes;
    } else {
      last.push(entry);
      room -= bytes;
    }
  }
  return parts;
}

export function halves(part: readonly LogEntry[]): LogEntry[][] {
  const middle = Math.ceil(part.length / 2);
  return [part.slice(0, middle), part.slice(middle)];
}
