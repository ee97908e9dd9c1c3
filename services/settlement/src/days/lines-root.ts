import { namedHash } from '#libs/kernel';

/** The root of a cycle without lines. */
export const NO_LINES = namedHash('');

/** `sha256:…` over the digests of a day's lines and the root of the days before it, so that it can be worked out day by day. */
export function withDay(before: string, day: string, linesDigest: string): string {
  return namedHash(`${before} ${day} ${linesDigest}`);
}
