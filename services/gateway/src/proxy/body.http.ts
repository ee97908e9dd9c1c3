import type { IncomingMessage } from 'node:http';
import type { BodyRoom, NoRoom } from './body-room.js';

export interface BodyTakers {
  /**
   * Receives the whole body, or null if there is none. Not called if the caller disconnects first: then nothing is sent on. Call
   * `release` when the body is no longer needed.
   */
  readonly take: (body: Buffer | null, release: () => void) => void;
  /** Called once, as soon as the body proves too large or there is no room for it; the rest is read and dropped. */
  readonly refuse: (why: 'body_too_large' | NoRoom) => void;
}

const NOTHING: Buffer = Buffer.alloc(0);
const LEAST_BYTES = 4_096;
/** How long the rest of a refused body is read and dropped, so that its caller can read the answer. */
const LINGER_MS = 2_000;

/**
 * Reads the whole body of a request, within a size limit and the available room, before the service is called. A caller that sends
 * slowly thus occupies only its own connection. The server's time limit for a call bounds the duration.
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
  // A single growing buffer: small chunks kept separately take many times the memory of their content.
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
  // A caller that disconnects mid-body gets no answer.
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
