import { namedHash } from '#libs/kernel';

export const NO_LINES = namedHash('');

/** `sha256:…` over the digests of a day's lines and the root of the previous days, so it can be computed day by day. */
export function withDay(before: string, day: string, linesDigest: string): string {
  return namedHash(`${before} ${day} ${linesDigest}`);
}
