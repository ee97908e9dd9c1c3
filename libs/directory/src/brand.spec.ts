import { brandSnapshot } from '#libs/testing';
import {
  attestsAt,
  BRAND_STATUSES,
  contractAt,
  earliestReport,
  hasRole,
  lastContractAt,
  mayAct,
  mayEarn,
  mayRedeem,
} from './brand.js';
import { BrandCache } from './brand-cache.js';
import { brandFromSnapshot, isBrandSnapshot, snapshotFromBrand } from './brand-snapshot.js';
import type { BrandSnapshot } from './brand-snapshot.js';

function snapshot(over: Partial<BrandSnapshot> = {}): BrandSnapshot {
  return brandSnapshot('aurora', {
    version: 3,
    contracts: [
      { id: 'ct_1', validFrom: '2026-01-01T00:00:00.000Z', validTo: '2026-03-01T00:00:00.000Z', roles: ['issuer'] },
      { id: 'ct_2', validFrom: '2026-03-01T00:00:00.000Z', attests: [] },
    ],
    ...over,
  });
}

describe('contractAt', () => {
  const brand = brandFromSnapshot(snapshot());
  it.each([
    ['2025-12-31T23:59:59.999Z', undefined],
    ['2026-01-01T00:00:00.000Z', 'ct_1'],
    ['2026-02-28T23:59:59.999Z', 'ct_1'],
    ['2026-03-01T00:00:00.000Z', 'ct_2'],
    ['2030-01-01T00:00:00.000Z', 'ct_2'],
  ])('at %s finds %s: the start belongs to a version, the end does not', (instant, id) => {
    expect(contractAt(brand, new Date(instant))?.id).toBe(id);
  });

  it('finds the last version if none is in force any more', () => {
    const ended = brandFromSnapshot({ ...snapshot(), contracts: snapshot().contracts.slice(0, 1) });
    const last = (instant: string): string | undefined => lastContractAt(ended, new Date(instant))?.id;
    expect(last('2025-12-31T23:59:59.999Z')).toBeUndefined();
    expect(last('2026-02-01T00:00:00.000Z')).toBe('ct_1');
    expect(last('2030-01-01T00:00:00.000Z')).toBe('ct_1');
    expect(lastContractAt(brand, new Date('2026-04-01T00:00:00.000Z'))?.id).toBe('ct_2');
  });

  it('takes the roles from the version in force', () => {
    expect(hasRole(brand, 'redeemer', new Date('2026-02-01T00:00:00Z'))).toBe(false);
    expect(hasRole(brand, 'redeemer', new Date('2026-04-01T00:00:00Z'))).toBe(true);
    expect(hasRole(brand, 'issuer', new Date('2020-01-01T00:00:00Z'))).toBe(false);
  });
});

describe('how late something may be reported', () => {
  const contracts = snapshot().contracts.map((contract, i) => ({ ...contract, latenessDays: i === 0 ? 7 : null }));
  const brand = brandFromSnapshot(snapshot({ contracts }));
  const earliest = (at: string, of = brand): string | undefined => earliestReport(of, new Date(at))?.toISOString();

  it('is set by the contract in force; null is no limit', () => {
    expect(earliest('2026-02-10T08:00:00Z')).toBe('2026-02-03T08:00:00.000Z');
    expect(earliest('2026-04-10T08:00:00Z')).toBeUndefined();
  });

  it('is set by the last contract if none is in force, and is a month before the first', () => {
    const ended = brandFromSnapshot(snapshot({ contracts: contracts.slice(0, 1) }));
    expect(earliest('2026-03-02T00:00:00Z', ended)).toBe('2026-02-23T00:00:00.000Z');
    expect(earliest('2025-12-31T00:00:00Z', ended)).toBe('2025-12-01T00:00:00.000Z');
  });
});

describe('attestsAt', () => {
  const brand = brandFromSnapshot(snapshot());
  it.each([
    ['2025-06-01T00:00:00.000Z', ['phone']],
    ['2026-02-28T23:59:59.999Z', ['phone']],
    ['2026-03-01T00:00:00.000Z', []],
  ])('at %s is that of the current or next version: %j', (instant, kinds) => {
    expect(attestsAt(brand, new Date(instant))).toEqual(kinds);
  });

  it('is empty without a contract and after its end', () => {
    expect(attestsAt(brandFromSnapshot(snapshot({ contracts: [] })), new Date())).toEqual([]);
    const ended = snapshot().contracts.slice(0, 1);
    expect(attestsAt(brandFromSnapshot(snapshot({ contracts: ended })), new Date('2026-03-01T00:00:00Z'))).toEqual([]);
  });
});

it('sandbox and live brands trade, exiting brands only redeem, others do neither', () => {
  const acting = BRAND_STATUSES.filter((status) => mayAct({ status }));
  expect(acting).toEqual(['sandbox', 'live', 'exiting']);
  const verdicts = Object.fromEntries(
    BRAND_STATUSES.map((status) => [status, [mayEarn({ status }), mayRedeem({ status })]]),
  );
  expect(verdicts).toEqual({
    applied: [false, false],
    reviewed: [false, false],
    sandbox: [true, true],
    live: [true, true],
    suspended: [false, false],
    exiting: [false, true],
    closed: [false, false],
  });
});

describe('snapshot', () => {
  it('converts to a brand and back without change', () => {
    expect(snapshotFromBrand(brandFromSnapshot(snapshot()))).toEqual(snapshot());
  });

  it('is refused if it has another slug or shape', () => {
    expect(isBrandSnapshot(snapshot(), 'aurora')).toBe(true);
    expect(isBrandSnapshot(snapshot(), 'birch')).toBe(false);
    expect(isBrandSnapshot({ slug: 'aurora', version: 1 }, 'aurora')).toBe(false);
    expect(isBrandSnapshot(null, 'aurora')).toBe(false);
  });
});

describe('BrandCache', () => {
  it('keeps the newest version in any order of arrival', () => {
    const cache = new BrandCache();
    cache.put(snapshot({ version: 3, name: 'new' }));
    expect(cache.put(snapshot({ version: 2, name: 'old' }))?.name).toBe('new');
    expect(cache.put(snapshot({ version: 3, name: 'same version' }))?.name).toBe('new');
    expect(cache.put(snapshot({ version: 4, name: 'newer' }))?.name).toBe('newer');
  });

  it('does not let a slow read restore what an invalidation removed', () => {
    const cache = new BrandCache();
    cache.put(snapshot({ version: 3 }));
    cache.invalidate('aurora', 4);
    expect(cache.get('aurora')).toBeUndefined();
    expect(cache.put(snapshot({ version: 3 }))).toBeUndefined();
    expect(cache.put(snapshot({ version: 4 }))?.version).toBe(4);
    cache.invalidate('aurora', 4);
    expect(cache.get('aurora')?.version).toBe(4);
  });
});
