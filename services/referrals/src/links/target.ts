import { getPublicSuffix } from 'tldts';

/** Returns an address that a link may lead to, else null: https on a host listed by the offer (or below it), without credentials. */
export function allowedTarget(text: string, hosts: readonly string[]): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.port !== '') return null;
  const host = url.hostname.toLowerCase();
  return hosts.some((allowed) => host === allowed || host.endsWith(`.${allowed}`)) ? url.href : null;
}

/** Adds the click to the target, for the checkout to send back. */
export function withClick(target: string, click: string): string {
  const url = new URL(target);
  url.searchParams.set('hz_click', click);
  return url.href;
}

/** Whether anybody may register a name under the host (`co.uk`, `github.io`). Such a host identifies no shop. */
export function isPublicSuffix(host: string): boolean {
  return getPublicSuffix(host, { allowPrivateDomains: true }) === host;
}
