const BEARER = /^Bearer +([\w.~+/-]{1,8192}=*)$/i;

/** The bearer token of an Authorization header, or null. */
export function bearerToken(header: string | undefined): string | null {
  if (header === undefined) return null;
  if (header.startsWith('Bearer ') && !header.includes(' ', 7)) return header.slice(7);
  return BEARER.exec(header)?.[1] ?? null;
}
