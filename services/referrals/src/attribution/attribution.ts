/** Name of the rules below; stored with every decision. */
export const ATTRIBUTION_RULE = 'claims-1';

const DAY_MS = 86_400_000;

/** The longest window of an offer. Touches older than that do not count for an order. */
const REACH_MS = 365 * DAY_MS;

/** How far the clock of a till may run behind the network's. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** The span in which a touch must have been recorded to count for an order. */
export function reachOf(orderAt: Date): { from: Date; to: Date } {
  return { from: new Date(orderAt.getTime() - REACH_MS), to: new Date(orderAt.getTime() + CLOCK_SKEW_MS) };
}

export interface BuyerReach {
  readonly walletId: string;
  readonly seller: string;
  readonly from: Date;
  readonly to: Date;
}

export function columnsOf(reaches: readonly BuyerReach[]): [string[], string[], Date[], Date[]] {
  return [
    reaches.map(({ walletId }) => walletId),
    reaches.map(({ seller }) => seller),
    reaches.map(({ from }) => from),
    reaches.map(({ to }) => to),
  ];
}

/** The terms of an offer that decide the winner. */
export interface OfferTerms {
  readonly id: string;
  readonly seller: string;
  readonly windowDays: number;
  readonly protectionDays: number;
  readonly validFrom: Date;
  readonly validTo: Date | null;
  readonly withdrawnAt: Date | null;
}

export interface ClaimedLink {
  readonly id: string;
  /** The brand that promotes. */
  readonly brand: string;
  readonly owner: string;
  readonly campaign: string;
  readonly createdAt: Date;
  readonly offer: OfferTerms;
}

export interface ClaimedTouch {
  /** The public id, `tc_…`. */
  readonly id: string;
  /** The time of recording. The time that the caller reports does not count. */
  readonly at: Date;
  readonly link: ClaimedLink;
}

export interface Claims {
  readonly seller: string;
  readonly at: Date;
  /** Campaign of the order; empty if it names none. */
  readonly campaign: string;
  /** The guide who serves in the store. */
  readonly guide: { readonly owner: string } | null;
  /** The code typed at checkout. `link` is null if no link has the code. */
  readonly code: { readonly text: string; readonly link: ClaimedLink | null } | null;
  /** The click that the checkout sent along. */
  readonly click: { readonly text: string; readonly touch: ClaimedTouch | null } | null;
  /** Stored touches of the buyer with links of this seller. */
  readonly touches: readonly ClaimedTouch[];
  /** Earlier orders of the buyer at this seller that somebody won. They renew the winner's protection. */
  readonly renewals: readonly { readonly owner: string; readonly at: Date }[];
}

export type ClaimKind = 'guide' | 'code' | 'deep_link' | 'click' | 'none';

/** The most refused claims stored with a decision, newest first. They explain the decision; a script could create thousands. */
const MOST_REFUSED = 50;

export interface RefusedClaim {
  readonly kind: ClaimKind;
  /** The code as it was typed, or the public id of a touch. */
  readonly value: string;
  readonly reason: string;
}

/** The winner of an order, the rule that chose it, and the refused claims. */
export interface Decision {
  readonly wonBy: ClaimKind | 'none';
  readonly rule: string;
  readonly refused: readonly RefusedClaim[];
}

export interface Verdict {
  readonly wonBy: ClaimKind;
  /** Receives the distributor's share; null if a guide in store won. */
  readonly promoter: string | null;
  /** The link whose offer applies to the order, even if a guide in store won over it. */
  readonly link: ClaimedLink | null;
  readonly refused: readonly RefusedClaim[];
}

/** Picks one winner per order: guide serving in store, then code, deep link, stored click, none. */
export function decide(claims: Claims): Verdict {
  const verdict = winner(claims);
  return { ...verdict, refused: verdict.refused.slice(-MOST_REFUSED) };
}

function winner(claims: Claims): Verdict {
  const refused: RefusedClaim[] = [];
  const link = linkClaim(claims, refused);
  if (claims.guide !== null) {
    if (link !== null) refused.push({ kind: link.kind, value: link.value, reason: 'guide_in_store' });
    return { wonBy: 'guide', promoter: null, link: link?.link ?? null, refused };
  }
  if (link === null) return { wonBy: 'none', promoter: null, link: null, refused };
  return { wonBy: link.kind, promoter: link.link.owner, link: link.link, refused };
}

function linkClaim(
  claims: Claims,
  refused: RefusedClaim[],
): { kind: ClaimKind; link: ClaimedLink; value: string } | null {
  if (claims.code !== null) {
    const { text, link } = claims.code;
    const reason = link === null ? 'unknown' : unfit(link, claims);
    if (link !== null && reason === null) return { kind: 'code', link, value: text };
    refused.push({ kind: 'code', value: text, reason: reason ?? 'unknown' });
  }
  if (claims.click !== null) {
    const { text, touch } = claims.click;
    const reason = touch === null ? 'unknown' : (unfit(touch.link, claims) ?? untimely(touch, claims.at));
    if (touch !== null && reason === null) return { kind: 'deep_link', link: touch.link, value: text };
    refused.push({ kind: 'deep_link', value: text, reason: reason ?? 'unknown' });
  }
  const stored = storedClick(claims, refused);
  return stored === null ? null : { kind: 'click', link: stored.link, value: stored.id };
}

/** The reason why a link cannot win an order, or null. */
function unfit(link: ClaimedLink, claims: Pick<Claims, 'seller' | 'campaign' | 'at'>): string | null {
  if (link.offer.seller !== claims.seller) return 'other_seller';
  if (claims.campaign !== '' && link.campaign !== claims.campaign) return 'other_campaign';
  if (link.createdAt > reachOf(claims.at).to) return 'younger_than_order';
  return offerOpen(link.offer, claims.at) ? null : 'offer_closed';
}

export function offerOpen(offer: Pick<OfferTerms, 'validFrom' | 'validTo' | 'withdrawnAt'>, at: Date): boolean {
  return (
    offer.validFrom <= at &&
    (offer.validTo === null || at < offer.validTo) &&
    (offer.withdrawnAt === null || at < offer.withdrawnAt)
  );
}

function untimely(touch: ClaimedTouch, at: Date): string | null {
  if (touch.at > reachOf(at).to) return 'after_order';
  return touch.at.getTime() + touch.link.offer.windowDays * DAY_MS <= at.getTime() ? 'window_over' : null;
}

/**
 * The promoter that the buyer's touches bound at the time of the order. A touch binds for the window. Within the protection,
 * another promoter's touch changes nothing. A touch of the same promoter, or an order that they won, renews both.
 */
function storedClick(claims: Claims, refused: RefusedClaim[]): ClaimedTouch | null {
  const fit: ClaimedTouch[] = [];
  for (const touch of claims.touches) {
    const reason = unfit(touch.link, claims) ?? untimely(touch, claims.at);
    if (reason === null || reason === 'window_over') fit.push(touch);
    if (reason !== null) refused.push({ kind: 'click', value: touch.id, reason });
  }
  const steps = [
    ...fit.map((touch) => ({ at: touch.at, owner: touch.link.owner, touch })),
    ...claims.renewals.filter(({ at }) => at < claims.at).map(({ at, owner }) => ({ at, owner, touch: null })),
  ].sort((a, b) => a.at.getTime() - b.at.getTime());
  let bound: { touch: ClaimedTouch; since: number } | null = null;
  for (const step of steps) {
    const at = step.at.getTime();
    if (bound !== null && bound.touch.link.owner === step.owner && at < endOf(bound))
      bound = { touch: step.touch ?? bound.touch, since: at };
    else if (
      step.touch !== null &&
      (bound === null || at >= bound.since + bound.touch.link.offer.protectionDays * DAY_MS)
    ) {
      if (bound !== null) refused.push({ kind: 'click', value: bound.touch.id, reason: 'later_click' });
      bound = { touch: step.touch, since: at };
    } else if (step.touch !== null) refused.push({ kind: 'click', value: step.touch.id, reason: 'protected' });
  }
  return bound !== null && claims.at.getTime() < endOf(bound) ? bound.touch : null;
}

function endOf(bound: { touch: ClaimedTouch; since: number }): number {
  return bound.since + bound.touch.link.offer.windowDays * DAY_MS;
}
