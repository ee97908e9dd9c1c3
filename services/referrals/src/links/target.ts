import { getPublicSuffix } from 'tldts';

/** The address a link may lead to: https on a host that the offer lists (or below it), without credentials; else null. */
export function allowedTarget(text: string, hosts: readonly string[]): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.port !== '') return null;
  const host = url.hostname.toLowerCase();
  return hosts.some((allowed) => host === allowed || host.endsWith(`.${allowed}`)) ? url.href : null;
}

/** The target with the click that led there, for the checkout to send back. */
export function withClick(target: string, click: string): string {
  const url = new URL(target);
  url.searchParams.set('hz_click', click);
  return url.href;
}

/** Whether a host is one under which anybody may register a name of his own (`co.uk`, `github.io`): it stands for no shop. */
export function isPublicSuffix(host: string): boolean {
  return getPublicSuffix(host, { allowPrivateDomains: true }) === host;
}
