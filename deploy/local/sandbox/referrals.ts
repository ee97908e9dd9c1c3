import { byTwo } from '../network/by-two.js';
import type { HezongClient, OfferDto, OwnerDto } from '#libs/sdk';
import { VALID_FROM } from './alliance.js';
import { chance, type Day, type Visit } from './story.js';

/** A seller's offer, its promoter, and the share of the seller's orders that name a code: one in `every`. */
interface CampaignSpec {
  seller: string;
  promoter: string;
  campaign: string;
  /** Members of the promoting brand with their own codes; none: the code is the brand's. */
  members: number;
  every: number;
  offer: Pick<OfferDto, 'poolBp' | 'split'>;
}

const CAMPAIGNS: readonly CampaignSpec[] = [
  {
    seller: 'fresh',
    promoter: 'grocery',
    campaign: 'fresh-neighbours',
    members: 6,
    every: 6,
    offer: { poolBp: 1_000, split: { memberRebate: 200, contributor: 200, distributor: 500, operator: 100 } },
  },
  {
    seller: 'drugstore',
    promoter: 'fresh',
    campaign: 'fresh-and-well',
    members: 0,
    every: 8,
    offer: { poolBp: 600, split: { contributor: 200, distributor: 300, operator: 100 } },
  },
];

const PROGRAMME = { contributorBp: 200, returnDays: 7, conversionPrice: '1.05', validFrom: VALID_FROM };

interface Promoter {
  /** Null: the brand itself. */
  household: string | null;
  code: string;
}

/** Codes of the sandbox; the file alone determines which order names which code. */
export class ReferralCodes {
  /** @param since when the codes were created: no earlier order can name one */
  constructor(
    private readonly promoters: ReadonlyMap<string, readonly Promoter[]>,
    private readonly since: Date,
  ) {}

  of({ at, order }: Visit): string | null {
    if (at < this.since) return null;
    const campaign = CAMPAIGNS.find(({ seller }) => seller === order.brand);
    const draw = chance(`code ${order.id}`);
    if (campaign === undefined || draw % campaign.every !== 0) return null;
    // no member refers themselves here: the operator would have to review that
    const others = (this.promoters.get(campaign.campaign) ?? []).filter(
      ({ household }) => household !== order.household,
    );
    return others[Math.floor(draw / campaign.every) % others.length]?.code ?? null;
  }
}

/**
 * Ensures that there is a referral programme with a contributor's share for all brands, offers, and links of brands and members. Every call
 * has a key, so that a repeat finds the existing objects, with the same codes.
 * @param first day of the story: members who bought at a promoting brand that day get its links
 */
export async function ensureReferrals(
  operator: HezongClient,
  second: HezongClient,
  clientOf: (brand: string) => HezongClient,
  first: Day | undefined,
  memberOf: (brand: string, household: string) => Promise<string>,
): Promise<ReferralCodes> {
  const { programmes } = operator;
  if ((await programmes.list()).data.length === 0)
    await byTwo(second, () => programmes.add({ headers: { 'Idempotency-Key': 'sandbox-programme' }, body: PROGRAMME }));
  const promoters = new Map<string, Promoter[]>();
  for (const spec of CAMPAIGNS) promoters.set(spec.campaign, await promotersOf(clientOf, spec, first, memberOf));
  return new ReferralCodes(promoters, first?.clock ?? new Date(0));
}

async function promotersOf(
  clientOf: (brand: string) => HezongClient,
  { seller, promoter, campaign, members, offer }: CampaignSpec,
  first: Day | undefined,
  memberOf: (brand: string, household: string) => Promise<string>,
): Promise<Promoter[]> {
  const host = `${seller}.example`;
  const body = { name: campaign, ...offer, targets: [host], returnDays: 7, validFrom: VALID_FROM };
  const key = `sandbox-${campaign}`;
  const headers = { 'Idempotency-Key': key };
  const { id } = await clientOf(seller).offers.publish({ headers, body });
  const { offers, links } = clientOf(promoter);
  await offers.pick({ headers, path: { id }, body: { campaign } });
  const link = async (name: string, owner: OwnerDto): Promise<string> => {
    const wanted = { offerId: id, campaign, owner, target: `https://${host}/` };
    return (await links.make({ headers: { 'Idempotency-Key': `${key}-${name}` }, body: wanted })).code;
  };
  if (members === 0) return [{ household: null, code: await link('brand', { kind: 'brand' }) }];
  const promoters: Promoter[] = [];
  for (const household of earlyBirds(first, promoter, members)) {
    const owner: OwnerDto = { kind: 'member', memberRef: await memberOf(promoter, household) };
    promoters.push({ household, code: await link(household, owner) });
  }
  return promoters;
}

function earlyBirds(first: Day | undefined, brand: string, count: number): string[] {
  const households = (first?.steps ?? []).flatMap((step) =>
    step.kind === 'visit' && step.order.brand === brand ? [step.household] : [],
  );
  return [...new Set(households)].slice(0, count);
}
