import type { Api } from '../replay/api.js';
import type { Order } from '../replay/orders.js';
import { writeSandboxFile, type Credentials, type SandboxFile } from '../network/sandbox-file.js';
import { ALLIANCE, VALID_FROM, type BrandSpec } from './alliance.js';

/** The stores of each brand that the orders name. */
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
 * Sees to it that the four brands exist, are live, have a contract, rules, a client and the stores given: through the operator's API, making only what is missing,
 * so that it can be repeated after any interruption. New credentials are written to the sandbox file at once, as a secret is shown only once.
 */
export async function ensureAlliance(
  api: Api,
  file: string,
  sandbox: SandboxFile,
  stores: Map<string, string[]>,
): Promise<SandboxFile> {
  let current = sandbox;
  for (const brand of ALLIANCE) {
    await ensureBrand(api, sandbox.operator, brand, stores.get(brand.slug) ?? []);
    await ensureContract(api, sandbox.operator, brand);
    await ensureRules(api, sandbox.operator, brand);
    if (current.brands.some((known) => known.slug === brand.slug)) continue;
    const path = `/v1/operator/brands/${brand.slug}/clients`;
    const client = await api.need<Credentials>(sandbox.operator, 'POST', path, { name: 'point of sale' });
    current = {
      ...current,
      brands: [...current.brands, { slug: brand.slug, clientId: client.clientId, clientSecret: client.clientSecret }],
    };
    writeSandboxFile(file, current);
  }
  return current;
}

interface BrandAnswer {
  slug: string;
  status: string;
  stores: { ref: string; name: string }[];
}

async function ensureBrand(api: Api, operator: Credentials, brand: BrandSpec, refs: string[]): Promise<void> {
  const path = `/v1/operator/brands/${brand.slug}`;
  const wanted = refs.map((ref) => ({ ref, name: `Store ${ref}` }));
  const found = await api.call(operator, 'GET', path);
  let status = (found.body as BrandAnswer | null)?.status;
  if (found.status === 404) {
    const body = {
      slug: brand.slug,
      name: brand.name,
      legalEntity: { id: `le-${brand.slug}`, name: brand.legalName },
      currency: 'CNY',
      stores: wanted,
    };
    status = (await api.need<BrandAnswer>(operator, 'POST', '/v1/operator/brands', body)).status;
  } else {
    const known = (found.body as BrandAnswer).stores;
    const missing = wanted.filter((store) => !known.some((other) => other.ref === store.ref));
    if (missing.length > 0)
      await api.need(operator, 'PATCH', path, {
        stores: [...known.map(({ ref, name }) => ({ ref, name })), ...missing],
      });
  }
  if (status === 'sandbox') await api.need(operator, 'POST', `${path}/status`, { status: 'live' });
}

async function ensureContract(api: Api, operator: Credentials, brand: BrandSpec): Promise<void> {
  const path = `/v1/operator/brands/${brand.slug}/contracts`;
  const { data } = await api.need<{ data: unknown[] }>(operator, 'GET', path);
  if (data.length > 0) return;
  await api.need(operator, 'POST', path, {
    validFrom: VALID_FROM,
    validTo: null,
    roles: ['issuer', 'redeemer'],
    fundingMode: 'pay_at_redemption',
    currency: 'CNY',
    prices: brand.prices,
    faceValue: '1.00',
    cycle: 'monthly',
  });
}

async function ensureRules(api: Api, operator: Credentials, brand: BrandSpec): Promise<void> {
  for (const rule of brand.rules) {
    const body = {
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
    };
    // The key makes a repetition find the rule it made before.
    await api.need(operator, 'POST', '/v1/operator/earning-rules', body, `sandbox-${brand.slug}-${rule.name}`);
  }
}
