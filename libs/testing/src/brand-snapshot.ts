import { DEFAULT_LIMITS } from '#libs/directory';
import type { BrandSnapshot, ContractSnapshot } from '#libs/directory';

/** A brand as partners publishes it. Defaults: live, CNY, one store, and one contract with the prices of the worked example. */
export function brandSnapshot(
  slug: string,
  {
    contracts = [{}],
    ...over
  }: Partial<Omit<BrandSnapshot, 'contracts'>> & { contracts?: readonly Partial<ContractSnapshot>[] } = {},
): BrandSnapshot {
  return {
    slug,
    version: 1,
    name: slug,
    status: 'live',
    currency: 'CNY',
    legalEntity: { id: `le-${slug}`, name: `${slug} Ltd` },
    stores: [{ ref: `${slug}-1`, name: 'First' }],
    ...over,
    contracts: contracts.map((contract, index) => ({
      id: `ct_${slug}_${index + 1}`,
      version: index + 1,
      validFrom: '2025-12-31T16:00:00.000Z',
      validTo: null,
      roles: ['issuer', 'redeemer'],
      fundingMode: 'pay_at_redemption',
      currency: 'CNY',
      accrualPrice: '1.05',
      reimbursementPrice: '0.90',
      operatorFee: '0.15',
      faceValue: '1.00',
      cycle: 'monthly',
      feeOnOwn: false,
      latenessDays: 30,
      attests: ['phone'],
      limits: DEFAULT_LIMITS,
      ...contract,
    })),
  };
}
