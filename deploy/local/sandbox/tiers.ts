import type { Api } from '../replay/api.js';
import type { Credentials } from '../network/sandbox-file.js';
import { VALID_FROM } from './alliance.js';
import type { Invariants } from './cycles.js';

export interface RankSpec {
  code: string;
  conditions: { credits?: number; visits?: number; brands?: number } | null;
  earnMultiplier?: string;
  funder?: 'seller' | 'operator';
}

/** Body of `POST /v1/operator/tier-ladders`, as far as the sandbox uses it. */
export interface LadderSpec {
  name: string;
  validFrom: string;
  window: { kind: 'rolling'; months: number };
  /** Minor units for one credit at weight 1; an order's credits are rounded down. */
  per: number;
  brands: { brand: string; weight: string; cap: { credits: number } }[];
  ranks: RankSpec[];
}

/** One credit for a yuan, half of that for fuel; no brand fills more than three fifths of the top rank. */
export const LADDER: LadderSpec = {
  name: 'sandbox',
  validFrom: VALID_FROM,
  window: { kind: 'rolling', months: 12 },
  per: 100,
  brands: [
    { brand: 'grocery', weight: '1', cap: { credits: 60 } },
    { brand: 'fresh', weight: '1', cap: { credits: 60 } },
    { brand: 'drugstore', weight: '1', cap: { credits: 50 } },
    { brand: 'fuel', weight: '0.5', cap: { credits: 30 } },
  ],
  ranks: [
    { code: 'member', conditions: null },
    { code: 'silver', conditions: { credits: 45 } },
    { code: 'gold', conditions: { credits: 65, brands: 2 }, earnMultiplier: '1.25', funder: 'seller' },
    { code: 'platinum', conditions: { credits: 85, brands: 2 }, earnMultiplier: '1.5', funder: 'operator' },
  ],
};

interface LadderAnswer {
  version: number;
  validFrom: string;
  validTo: string | null;
  ranks: { code: string }[];
}

const LADDERS = '/v1/operator/tier-ladders';

async function laddersOf(api: Api, operator: Credentials): Promise<LadderAnswer[]> {
  return (await api.need<{ data: LadderAnswer[] }>(operator, 'GET', LADDERS)).data;
}

/** Publishes the ladder unless the operator has one. */
export async function ensureLadder(api: Api, operator: Credentials, ladder = LADDER): Promise<void> {
  if ((await laddersOf(api, operator)).length > 0) return;
  await api.need(operator, 'POST', LADDERS, ladder, `sandbox-ladder-${ladder.name}`);
}

export interface RankCount {
  tier: string;
  members: number;
}

/** More visits than anybody makes. */
const OUT_OF_REACH = 100_000;
const MINUTE = 60_000;

/**
 * Members by rank, lowest first; null without a ladder. Nobody's rank is told to the operator by name, so this asks what a ladder out of everybody's reach would do:
 * at its first review each member with a rank goes down by one, and the dry run counts them by the rank they have.
 */
export async function membersByRank(
  api: Api,
  operator: Credentials,
  { asOf }: Pick<Invariants, 'asOf'>,
): Promise<RankCount[] | null> {
  const open = (await laddersOf(api, operator)).find((ladder) => ladder.validTo === null);
  if (open === undefined) return null;
  const now = Math.max(Date.parse(asOf), Date.parse(open.validFrom));
  const { members, atNextReview } = await api.need<{
    members: number;
    atNextReview: { moves: { from: number; members: number }[] } | null;
  }>(operator, 'POST', `${LADDERS}?dryRun=true`, {
    name: 'out of reach',
    validFrom: new Date(now + MINUTE).toISOString(),
    supersedes: open.version,
    window: { kind: 'rolling', months: 12 },
    others: { weight: '1' },
    ranks: open.ranks.map(({ code }, rank) => ({ code, conditions: rank === 0 ? null : { visits: OUT_OF_REACH } })),
  });
  const held = open.ranks.map(
    (_, rank) =>
      atNextReview?.moves.filter(({ from }) => from === rank).reduce((sum, move) => sum + move.members, 0) ?? 0,
  );
  const above = held.slice(1).reduce((sum, count) => sum + count, 0);
  return open.ranks.map(({ code }, rank) => ({
    tier: code,
    members: rank === 0 ? members - above : (held[rank] ?? 0),
  }));
}

export function ranksLine(ranks: readonly RankCount[]): string {
  return `ranks: ${ranks.map(({ tier, members }) => `${members} ${tier}`).join(', ')}`;
}
