import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';

/** Bodies up to this size are read whole first: one write upstream instead of a stream's machinery. */
const WHOLE_BODY_BYTES = 262_144;

/**
 * Hands over the body of a request: nothing, a buffer when it is small, else a stream.
 * `take` is not called when the caller leaves before a small body is complete: then nothing was sent on.
 */
export function withBody(request: IncomingMessage, take: (body: Buffer | Readable | null) => void): void {
  const { headers } = request;
  const chunked = headers['transfer-encoding'] !== undefined;
  const length = headers['content-length'] === undefined ? 0 : Number(headers['content-length']);
  if (!chunked && length === 0) {
    take(null);
    return;
  }
  if (chunked || length > WHOLE_BODY_BYTES) {
    take(detached(request));
    return;
  }
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  request.on('data', (chunk: Buffer) => {
    if (first === undefined) first = chunk;
    else (rest ??= [first]).push(chunk);
  });
  request.on('end', () => take(rest === undefined ? (first ?? null) : Buffer.concat(rest)));
  // A caller that breaks off mid-body gets no answer because nobody is there to read it.
  request.on('error', () => undefined);
}

/** A stream that may be destroyed by the HTTP client without taking the caller's connection, which still wants its answer, with it. */
function detached(request: IncomingMessage): Readable {
  const stream = new PassThrough();
  request.pipe(stream);
  request.on('error', (error) => stream.destroy(error));
  request.on('close', () => {
    if (!request.complete) stream.destroy(new Error('caller left'));
  });
  stream.on('close', () => request.resume());
  stream.on('error', () => undefined);
  return stream;
}
