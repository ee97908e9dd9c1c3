import type { Standing } from './standing.js';
import { brandTier, tierInFull } from './tier-document.js';

const ZONE = 'Asia/Shanghai';
const at = (text: string): number => Date.parse(text);

const standing: Standing = {
  tier: 'silver',
  rank: 1,
  source: 'mapped',
  earnedRank: 0,
  since: at('2026-03-31T16:00:00Z'),
  until: at('2026-12-31T16:00:00Z'),
  dropsAt: at('2027-01-31T16:00:00Z'),
  measure: { credits: 3_000n, visits: 4n, brands: 2n },
  next: {
    tier: 'gold',
    rank: 2,
    anyOf: null,
    conditions: [
      { kind: 'credits', needed: 5_000n, have: 3_000n, missing: 2_000n },
      { kind: 'visits', needed: 3n, have: 4n, missing: 0n },
      { kind: 'brands', needed: 3n, have: 2n, missing: 1n },
    ],
  },
  keeps: {
    by: at('2026-12-31T16:00:00Z'),
    anyOf: null,
    conditions: [{ kind: 'visits', needed: 3n, have: 4n, missing: 0n }],
  },
  earnMultiplier: '1.1',
  funder: 'operator',
  ladderVersion: 1,
};

it('gives a brand months of the alliance’s zone, and for visits and brands only whether they suffice', () => {
  expect(brandTier('mb_1', standing, ZONE)).toEqual({
    memberRef: 'mb_1',
    tier: 'silver',
    rank: 1,
    since: '2026-04',
    until: '2026-12',
    credits: 3_000,
    next: {
      tier: 'gold',
      rank: 2,
      anyOf: null,
      missing: {
        credits: { needed: 5_000, have: 3_000, missing: 2_000 },
        visits: { needed: 3, met: true },
        brands: { needed: 3, met: false },
      },
    },
    earnMultiplier: '1.1',
  });
  // grace that ends one day into a month counts as that month
  expect(brandTier('mb_1', { ...standing, until: at('2027-01-10T16:00:00Z') }, ZONE)).toMatchObject({
    until: '2027-01',
  });
  expect(brandTier('mb_1', { ...standing, since: null, until: null, next: null }, ZONE)).toMatchObject({
    since: null,
    until: null,
    next: null,
  });
});

it('gives the operator everything', () => {
  expect(tierInFull('mb_1', standing)).toMatchObject({
    source: 'mapped',
    since: '2026-03-31T16:00:00Z',
    visits: 4,
    brands: 2,
    next: { missing: { brands: { needed: 3, have: 2, missing: 1 } } },
    keeps: { by: '2026-12-31T16:00:00Z', visits: { needed: 3, have: 4, missing: 0 } },
  });
});
