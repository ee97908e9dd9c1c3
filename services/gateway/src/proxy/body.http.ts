import type { IncomingMessage } from 'node:http';
import type { BodyRoom, NoRoom } from './body-room.js';

export interface BodyTakers {
  /**
   * Has the whole body; null when there is none. Not called when the caller leaves first: then nothing is sent on. `release` is to be
   * called when the body is no longer needed.
   */
  readonly take: (body: Buffer | null, release: () => void) => void;
  /** Called once, as soon as it is clear that the body is larger or finds no room; the rest is read and dropped. */
  readonly refuse: (why: 'body_too_large' | NoRoom) => void;
}

const NOTHING: Buffer = Buffer.alloc(0);
const LEAST_BYTES = 4_096;
/** How long the rest of a body that found no room is read and dropped, so that its caller gets to read the answer. */
const LINGER_MS = 2_000;

/**
 * Reads the body of a request whole, up to a limit and as long as there is room, before anything is asked of a service: a caller that
 * sends slowly holds its own connection and nobody else's. How long it may take is the server's own time limit for a call.
 */
export function withBody(
  request: IncomingMessage,
  limit: number,
  { room, caller }: { readonly room: BodyRoom; readonly caller: string },
  { take, refuse }: BodyTakers,
): void {
  const { headers } = request;
  const length = headers['content-length'] === undefined ? null : Number(headers['content-length']);
  if (headers['transfer-encoding'] === undefined && (length ?? 0) === 0) {
    take(null, () => undefined);
    return;
  }
  if (length !== null && length > limit) {
    request.resume();
    refuse('body_too_large');
    return;
  }
  // One buffer that grows: the parts of a body as they come weigh many times what is in them when they are small.
  let kept = NOTHING;
  let received = 0;
  const keep = (chunk: Buffer): NoRoom | null => {
    const needed = received + chunk.length;
    if (needed > kept.length) {
      const isWhole = chunk.length === length;
      const capacity = isWhole ? needed : Math.min(length ?? limit, Math.max(needed, 2 * kept.length, LEAST_BYTES));
      const noRoom = place.grow(capacity - kept.length);
      if (noRoom !== null) return noRoom;
      kept = isWhole ? chunk : grown(kept, received, capacity);
    }
    if (kept !== chunk) chunk.copy(kept, received);
    received = needed;
    return null;
  };
  const collect = (chunk: Buffer): void => {
    const fault = received + chunk.length > limit ? 'body_too_large' : keep(chunk);
    if (fault !== null) stop(fault);
  };
  const drop = (): void => {
    request.off('data', collect).off('end', whole).off('close', drop);
    kept = NOTHING;
    place.release();
  };
  const stop = (why: 'body_too_large' | NoRoom): void => {
    drop();
    request.resume();
    if (why !== 'body_too_large') closeUnlessEnded(request);
    refuse(why);
  };
  const whole = (): void => {
    request.off('close', drop);
    place.whole();
    take(received === 0 ? null : kept.subarray(0, received), place.release);
  };
  const place = room.place(caller, () => stop('unavailable'));
  request.on('data', collect).on('end', whole).on('close', drop);
  // A caller that breaks off mid-body gets no answer because nobody is there to read it.
  request.on('error', () => undefined);
}

function grown(kept: Buffer, received: number, capacity: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(capacity);
  kept.copy(larger, 0, 0, received);
  return larger;
}

function closeUnlessEnded(request: IncomingMessage): void {
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
  request.on('close', () => clearTimeout(timer));
}
