import type { IncomingMessage } from 'node:http';

export interface BodyTakers {
  /** Has the whole body; null when there is none. Not called when the caller leaves first: then nothing is sent on. */
  readonly take: (body: Buffer | null) => void;
  /** Called once, as soon as it is clear that the body is larger; the rest is read and dropped. */
  readonly tooLarge: () => void;
}

/**
 * Reads the body of a request whole, up to a limit, before anything is asked of a service: a caller that sends slowly holds its own
 * connection and nobody else's. How long it may take is the server's own time limit for a call.
 */
export function withBody(request: IncomingMessage, limit: number, { take, tooLarge }: BodyTakers): void {
  const { headers } = request;
  const length = headers['content-length'] === undefined ? 0 : Number(headers['content-length']);
  if (headers['transfer-encoding'] === undefined && length === 0) {
    take(null);
    return;
  }
  if (length > limit) {
    request.resume();
    tooLarge();
    return;
  }
  const chunks: Buffer[] = [];
  let received = 0;
  const collect = (chunk: Buffer): void => {
    received += chunk.length;
    if (received <= limit) {
      chunks.push(chunk);
      return;
    }
    request.off('data', collect).off('end', whole).resume();
    tooLarge();
  };
  const whole = (): void => take(chunks.length > 1 ? Buffer.concat(chunks, received) : (chunks[0] ?? null));
  request.on('data', collect).on('end', whole);
  // A caller that breaks off mid-body gets no answer because nobody is there to read it.
  request.on('error', () => undefined);
}
