/**
 * Which service of the network makes an internal call, for specs that stand in for it: brands and the clock come from partners, ends of links
 * from crm, and who looks at the books from outside is settlement; everything else is asked by the gateway.
 */
export function callerOf(path: string): string {
  if (/^\/internal\/v1\/(brands|clock)\b/.test(path)) return 'partners';
  if (/^\/internal\/v1\/(outstanding|owed|posted|spent)\b/.test(path)) return 'settlement';
  if (/^\/internal\/v1\/links\b/.test(path)) return 'crm';
  return 'gateway';
}
