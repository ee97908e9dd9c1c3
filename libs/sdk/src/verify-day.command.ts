/** Verifies a day's commissions against the published roots of the network: `npm run verify:day -- --help`. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { HezongClient } from './client.js';
import { rootOfLegs, verifyDay } from './verify-day.js';
import type { ShownLeg } from './verify-day.js';

const HELP = `npm run verify:day -- --day 2026-03-02 --gateway URL --client ID --secret FILE
    as the seller: fetches the day's legs and its totals, and computes the root anew
npm run verify:day -- --day 2026-03-02 --sandbox .hezong/sandbox.json --brand fresh
    the same with the credentials of a network on this machine
npm run verify:day -- --legs FILE --root sha256:...
    as whoever was opened all legs of a total (a JSON array of legs with their salts) and knows its root

Ends with 0 when everything agrees, else with 1.
`;

const { values } = parseArgs({
  options: {
    day: { type: 'string' },
    gateway: { type: 'string' },
    client: { type: 'string' },
    secret: { type: 'string' },
    sandbox: { type: 'string' },
    brand: { type: 'string' },
    legs: { type: 'string' },
    root: { type: 'string' },
    help: { type: 'boolean' },
  },
});

interface SandboxFile {
  gateway: string;
  brands: { slug: string; clientId: string; clientSecret: string }[];
}

function clientOf(): HezongClient | null {
  const { gateway, client, secret, sandbox, brand } = values;
  if (sandbox !== undefined) {
    const file = JSON.parse(readFileSync(sandbox, 'utf8')) as SandboxFile;
    const found = file.brands.find(({ slug }) => slug === brand);
    if (found === undefined) throw new Error(`${sandbox} has no brand ${brand ?? ''}`);
    return new HezongClient({ ...found, gateway: file.gateway });
  }
  if (gateway === undefined || client === undefined || secret === undefined) return null;
  return new HezongClient({ gateway, clientId: client, clientSecret: readFileSync(secret, 'utf8').trim() });
}

/** Whether everything matches; null when the arguments are missing. */
async function verify(): Promise<boolean | null> {
  if (values.legs !== undefined && values.root !== undefined) {
    const root = await rootOfLegs(JSON.parse(readFileSync(values.legs, 'utf8')) as ShownLeg[]);
    process.stdout.write(`${root === values.root ? 'same' : 'DIFFERS'}  ${root ?? 'no legs'}\n`);
    return root === values.root;
  }
  const client = clientOf();
  if (client === null || values.day === undefined) return null;
  const verdicts = await verifyDay(client, values.day);
  for (const { ok, currency, shown, found } of verdicts) {
    const [amount, root] = [shown?.amount ?? found?.amount, shown?.root ?? found?.root];
    process.stdout.write(`${ok ? 'same' : 'DIFFERS'}  ${amount} ${currency}  ${root}\n`);
    if (!ok) process.stdout.write(`  shown ${JSON.stringify(shown)}\n  found ${JSON.stringify(found)}\n`);
  }
  if (verdicts.length === 0) process.stdout.write(`no order cost a commission on ${values.day}\n`);
  return verdicts.every(({ ok }) => ok);
}

const agreed = values.help === true ? null : await verify();
if (agreed === null) process.stdout.write(HELP);
process.exitCode = agreed === true || values.help === true ? 0 : 1;
