import type { FastifyReply, FastifyRequest } from 'fastify';
import { etagOf } from '#libs/http';
import { sha256Hex } from '#libs/kernel';

export interface Tagged {
  readonly text: string;
  readonly etag: string;
}

export function tagged(text: string): Tagged {
  return { text, etag: etagOf(sha256Hex(text).slice(0, 24)) };
}

/** Sends the text, cacheable for a minute; sends 304 without a body if the caller already has it. */
export function unlessKnown(request: FastifyRequest, reply: FastifyReply, { text, etag }: Tagged): string | undefined {
  void reply.headers({ etag, 'cache-control': 'public, max-age=60' });
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (!known.includes(etag) && !known.includes('*')) return text;
  void reply.status(304);
  return undefined;
}
