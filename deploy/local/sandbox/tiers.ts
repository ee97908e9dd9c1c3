import type { HezongClient, InvariantsReport, TierLadderMoves } from '#libs/sdk';
import { VALID_FROM } from './alliance.js';

export interface RankSpec {
  code: string;
  /** The lowest rank has none. */
  conditions?: { credits?: number; visits?: number; brands?: number };
  earnMultiplier?: string;
  funder?: 'seller' | 'operator';
}

/** The parts of a ladder that the sandbox uses. */
export interface LadderSpec {
  name: string;
  validFrom: string;
  window: { kind: 'rolling'; months: number };
  /** Minor units per credit at weight 1; an order's credits are rounded down. */
  per: number;
  brands: { brand: string; weight: string; cap: { credits: number } }[];
  ranks: RankSpec[];
}

/** One credit per yuan, half of that for fuel; one brand can fill at most three fifths of the top rank. */
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
    { code: 'member' },
    { code: 'silver', conditions: { credits: 45 } },
    { code: 'gold', conditions: { credits: 65, brands: 2 }, earnMultiplier: '1.25', funder: 'seller' },
    { code: 'platinum', conditions: { credits: 85, brands: 2 }, earnMultiplier: '1.5', funder: 'operator' },
  ],
};

/** Publishes the ladder unless the operator has one. */
export async function ensureLadder({ ladders }: HezongClient): Promise<void> {
  if ((await ladders.list()).data.length > 0) return;
  await ladders.propose({ headers: { 'Idempotency-Key': `sandbox-ladder-${LADDER.name}` }, body: LADDER });
}

export interface RankCount {
  tier: string;
  members: number;
}

/** More visits than any member makes. */
const OUT_OF_REACH = 100_000;
const MINUTE = 60_000;

/**
 * Members by rank, lowest first; null without a ladder. The operator cannot see the rank of single members, so this does a dry run of a
 * ladder that nobody can reach: at its first review each member with a rank moves down by one, and the dry run counts them by their current
 * rank.
 */
export async function membersByRank(
  { ladders }: HezongClient,
  { asOf }: Pick<InvariantsReport, 'asOf'>,
): Promise<RankCount[] | null> {
  const open = (await ladders.list()).data.find((ladder) => ladder.validTo === null);
  if (open === undefined) return null;
  const now = Math.max(Date.parse(asOf), Date.parse(open.validFrom));
  const answer = await ladders.propose({
    query: { dryRun: 'true' },
    body: {
      name: 'out of reach',
      validFrom: new Date(now + MINUTE).toISOString(),
      supersedes: open.version,
      window: { kind: 'rolling', months: 12 },
      others: { weight: '1' },
      ranks: open.ranks.map(({ code }, rank) =>
        rank === 0 ? { code } : { code, conditions: { visits: OUT_OF_REACH } },
      ),
    },
  });
  const { members, atNextReview } = answer as TierLadderMoves;
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
