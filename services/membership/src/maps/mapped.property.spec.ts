import fc from 'fast-check';
import { mappedGrants } from './mapped.js';
import type { TierMap, TierReport } from './mapped.js';

const END = 40;
const day = (n: number): Date => new Date(Date.UTC(2026, 0, 1 + n));
const end = fc.option(fc.integer({ min: 1, max: END }), { nil: null });

const aMap = fc
  .record({
    brand: fc.constantFrom('aurora', 'birch'),
    brandTier: fc.constantFrom('platinum', 'ruby'),
    rank: fc.integer({ min: 1, max: 3 }),
    from: fc.integer({ min: 0, max: END - 1 }),
    days: end,
  })
  .map(({ from, days, ...rest }, i = 0): TierMap => ({
    ...rest,
    id: `tm_${from}_${i}`,
    validFrom: day(from),
    validTo: days === null ? null : day(from + days),
  }));
const aReport = fc.record({
  brand: fc.constantFrom('aurora', 'birch'),
  brandTier: fc.constantFrom('platinum', 'ruby', null),
  at: fc.integer({ min: 0, max: END - 1 }),
  days: end,
});

/** The rule in plain terms: the brand's newest report before noon of that day, mapped by its maps. */
function ranksAtNoon(n: number, reports: readonly TierReport[], maps: readonly TierMap[]): number[] {
  const noon = new Date(day(n).getTime() + 43_200_000);
  return ['aurora', 'birch'].flatMap((brand) => {
    const word = reports.filter((report) => report.brand === brand && report.at < noon).at(-1);
    if (word?.brandTier == null || (word.until !== null && word.until <= noon)) return [];
    return maps
      .filter((map) => map.brand === brand && map.brandTier === word.brandTier)
      .filter(({ validFrom, validTo }) => validFrom < noon && (validTo === null || validTo > noon))
      .map(({ rank }) => rank);
  });
}

it('a brand’s latest report counts from when a map includes it until the map ends or the next report', () => {
  fc.assert(
    fc.property(fc.array(aMap, { maxLength: 5 }), fc.array(aReport, { maxLength: 6 }), (maps, words) => {
      const reports = words
        .map(({ at, days, ...word }) => ({
          ...word,
          walletId: 'w',
          at: day(at),
          until: days === null ? null : day(at + days),
        }))
        .sort((a, b) => a.at.getTime() - b.at.getTime());
      const grants = mappedGrants(reports, maps);
      expect(grants.every(({ source }) => source === 'mapped')).toBe(true);
      for (let n = 0; n < 2 * END; n += 1) {
        const noon = day(n).getTime() + 43_200_000;
        const held = grants
          .filter(({ from, to }) => from <= noon && (to === null || to > noon))
          .map(({ rank }) => rank);
        expect(held.sort()).toEqual(ranksAtNoon(n, reports, maps).sort());
      }
    }),
  );
});
