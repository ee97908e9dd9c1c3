import type { CreateContractBody, HezongClient } from '#libs/sdk';
import { byTwo } from '../network/by-two.js';
import { clientOf, ifThere } from '../network/client.js';
import type { Order } from '../replay/orders.js';
import { writeSandboxFile, type SandboxFile } from '../network/sandbox-file.js';
import { ALLIANCE, VALID_FROM, type BrandSpec } from './alliance.js';

export function storesOf(orders: readonly Order[]): Map<string, string[]> {
  const stores = new Map<string, Set<string>>();
  for (const order of orders) {
    const known = stores.get(order.brand);
    if (known === undefined) stores.set(order.brand, new Set([order.store]));
    else known.add(order.store);
  }
  return new Map([...stores].map(([brand, refs]) => [brand, [...refs].sort()]));
}

/**
 * Ensures that the four brands exist and are live, each with a contract, rules, a client and the given stores. It uses the operator's API
 * and creates only what is missing, so it can be repeated after any interruption. New credentials are written to the sandbox file
 * immediately, because a secret is shown only once.
 */
export async function ensureAlliance(
  operator: HezongClient,
  file: string,
  sandbox: SandboxFile,
  stores: Map<string, string[]>,
): Promise<SandboxFile> {
  let current = sandbox;
  const second = clientOf(sandbox, sandbox.operator.second);
  for (const brand of ALLIANCE) {
    await ensureBrand(operator, brand, stores.get(brand.slug) ?? []);
    await ensureContract(operator, second, brand);
    await ensureRules(operator, brand);
    if (current.brands.some((known) => known.slug === brand.slug)) continue;
    current = { ...current, brands: [...current.brands, await newClient(operator, second, brand.slug)] };
    writeSandboxFile(file, current);
  }
  return current;
}

async function ensureBrand({ brands }: HezongClient, brand: BrandSpec, refs: string[]): Promise<void> {
  const { slug, name, legalName } = brand;
  const path = { slug };
  const stores = refs.map((ref) => ({ ref, name: `Store ${ref}` }));
  const legalEntity = { id: `le-${slug}`, name: legalName };
  const there =
    (await ifThere(brands.get({ path }))) ??
    (await brands.create({ body: { slug, name, legalEntity, currency: 'CNY', stores } }));
  const known = new Set(there.stores.map(({ ref }) => ref));
  for (const body of stores) if (!known.has(body.ref)) await brands.addStore({ path, body });
  if (there.status === 'sandbox') await brands.setStatus({ path, body: { status: 'live' } });
}

async function ensureContract({ contracts }: HezongClient, second: HezongClient, brand: BrandSpec): Promise<void> {
  const path = { slug: brand.slug };
  if ((await contracts.list({ path })).data.length > 0) return;
  const body: CreateContractBody = {
    validFrom: VALID_FROM,
    validTo: null,
    roles: ['issuer', 'redeemer'],
    fundingMode: 'pay_at_redemption',
    currency: 'CNY',
    prices: brand.prices,
    faceValue: '1.00',
    cycle: 'monthly',
    // its orders are history: those of the file, shifted or unchanged
    latenessDays: null,
  };
  await byTwo(second, () => contracts.create({ path, body }));
}

async function ensureRules({ earningRules }: HezongClient, brand: BrandSpec): Promise<void> {
  for (const rule of brand.rules)
    await earningRules.add({
      // With the key, a repeated call finds the rule it created before.
      headers: { 'Idempotency-Key': `sandbox-${brand.slug}-${rule.name}` },
      body: {
        brand: brand.slug,
        name: rule.name,
        validFrom: VALID_FROM,
        validTo: null,
        priority: rule.priority,
        match: { stores: [], categories: rule.categories, excludeCategories: rule.excludeCategories, tiers: [] },
        earn: { points: rule.points, per: rule.per },
        rounding: 'floor',
        pendingDays: 0,
        expiry: { kind: 'rolling', months: 24, roundTo: 'month' },
      },
    });
}

/** Only the first answer contains the secret: if it was lost, the repeat has none, and another client is created. */
async function newClient(
  { clients }: HezongClient,
  second: HezongClient,
  slug: string,
): Promise<SandboxFile['brands'][number]> {
  const create = () => clients.create({ path: { slug }, body: { name: 'point of sale' } });
  for (;;) {
    const { clientId, clientSecret } = await byTwo(second, create);
    if (clientSecret !== null) return { slug, clientId, clientSecret };
  }
}
