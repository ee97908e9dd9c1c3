/**
 * The service of the network that makes an internal call, for specs that make it instead: partners sends brands and the clock, crm sends
 * ends of links, settlement checks the books from outside, and the gateway makes all other calls.
 */
export function callerOf(path: string): string {
  if (/^\/internal\/v1\/(brands|clock)\b/.test(path)) return 'partners';
  if (/^\/internal\/v1\/(outstanding|owed|posted|spent)\b/.test(path)) return 'settlement';
  if (/^\/internal\/v1\/links\b/.test(path)) return 'crm';
  return 'gateway';
}
