/**
 * `node dist/deploy/tools/internal-key.js ledger 2`: generates key 2 of the ledger for its calls to other services, or without arguments
 * the first keys of all services, and prints the setting of each service. Nothing is stored. Key rotation: docs/runbooks/internal-keys.md.
 */
import { drawInternalKey, publicPart } from '#libs/auth';
import { EVERY_SERVICE } from '#libs/config';

const [service, number = '1'] = process.argv.slice(2);
const known: readonly string[] = EVERY_SERVICE;
if (service !== undefined && (!known.includes(service) || !/^\d{1,6}$/.test(number))) {
  process.stderr.write(`usage: internal-key [service [number]]; services: ${known.join(', ')}\n`);
  process.exitCode = 64;
} else {
  const keys = (service === undefined ? known : [service]).map((name) => drawInternalKey(name, Number(number)));
  for (const key of keys) console.log(`secret of ${key.kid}\nINTERNAL_SIGNING_KEY=${JSON.stringify(key)}\n`);
  console.log(`for all services\nINTERNAL_JWKS=${JSON.stringify({ keys: keys.map(publicPart) })}`);
}
