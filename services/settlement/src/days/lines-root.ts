import { createHash } from 'node:crypto';

/** The root of a cycle without lines. */
export const NO_LINES = rootOf('');

/** `sha256:…` over the digests of a day's lines and the root of the days before it, so that it can be worked out day by day. */
export function withDay(before: string, day: string, linesDigest: string): string {
  return rootOf(`${before} ${day} ${linesDigest}`);
}

function rootOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
