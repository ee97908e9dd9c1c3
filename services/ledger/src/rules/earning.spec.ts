import { evaluate } from './earning.js';
import type { RuleVersion } from './rule.js';

const march = new Date('2026-03-02T00:00:00Z');

function rule(change: Partial<RuleVersion> = {}): RuleVersion {
  return {
    id: 'er_base',
    brand: 'aurora',
    name: 'base',
    version: 1,
    validFrom: new Date('2026-01-01T00:00:00+08:00'),
    validTo: null,
    priority: 0,
    match: { stores: [], categories: [], excludeCategories: [], tiers: [] },
    earn: { points: 1n, per: 100n },
    rounding: 'floor',
    pendingDays: 0,
    expiry: { kind: 'never' },
    ...change,
  };
}
const matching = (match: Partial<RuleVersion['match']>): RuleVersion['match'] => ({ ...rule().match, ...match });

function line(lineId: string, net: bigint, category = ''): { lineId: string; net: bigint; category: string } {
  return { lineId, net, category };
}
const order = (
  lines: { lineId: string; net: bigint; category: string }[],
  more: Partial<{ store: string | null; tier: string | null; occurredAt: Date }> = {},
): Parameters<typeof evaluate>[1] => ({ occurredAt: march, store: null, tier: null, lines, ...more });

describe('what an order earns', () => {
  it('gives the points of the worked order with its trace', () => {
    const earning = evaluate([rule()], order([line('1', 5600n, 'drinks')]));
    expect(earning.points).toBe(56n);
    expect(earning.lines).toEqual([{ lineId: '1', ruleId: 'er_base', points: 56n }]);
    expect(earning.trace).toEqual(['base v1: 1 per 100 on 5600 = 56']);
  });

  it('computes once per order and rule, then shares by largest remainder', () => {
    const earning = evaluate([rule()], order([line('1', 150n), line('2', 150n), line('3', 99n)]));
    expect(earning.points).toBe(3n);
    expect(earning.lines.map(({ points }) => points)).toEqual([1n, 1n, 1n]);
  });

  it('gives nothing for lines that cost nothing and lines that no rule covers', () => {
    const earning = evaluate(
      [rule({ match: matching({ excludeCategories: ['gift-card'] }), rounding: 'ceil' })],
      order([line('1', 0n), line('2', 5000n, 'gift-card')]),
    );
    expect(earning).toEqual({
      points: 0n,
      byRule: [],
      lines: [
        { lineId: '1', ruleId: null, points: 0n },
        { lineId: '2', ruleId: null, points: 0n },
      ],
      trace: [],
    });
  });

  it.each([
    ['floor', 1n],
    ['half_up', 2n],
    ['ceil', 2n],
  ] as const)('rounds 1.5 points by %s to %s', (rounding, points) => {
    expect(evaluate([rule({ rounding })], order([line('1', 150n)])).points).toBe(points);
  });
});

describe('which rule applies to a line', () => {
  const general = rule();
  const byTier = rule({ id: 'er_tier', name: 'tier', match: matching({ tiers: ['gold'] }), priority: 9 });
  const byCategory = rule({ id: 'er_cat', name: 'category', match: matching({ categories: ['drinks'] }) });
  const byStore = rule({ id: 'er_store', name: 'store', match: matching({ stores: ['A-001'] }) });
  const winner = (rules: RuleVersion[], more: Parameters<typeof order>[1] = {}): string | null | undefined =>
    evaluate(rules, order([line('1', 100n, 'drinks')], more)).lines[0]?.ruleId;

  it('prefers the store, then the category, then the tier, then the general one', () => {
    const all = [general, byTier, byCategory, byStore];
    expect(winner(all, { store: 'A-001', tier: 'gold' })).toBe('er_store');
    expect(winner(all, { store: 'A-002', tier: 'gold' })).toBe('er_cat');
    expect(winner([general, byTier], { tier: 'gold' })).toBe('er_tier');
    expect(winner(all.slice(0, 2), { store: 'A-001' })).toBe('er_base');
  });

  it('never applies a rule for a tier while the tier is not known', () => {
    expect(winner([byTier])).toBeNull();
  });

  it('then prefers the higher priority, then the later start', () => {
    const urgent = rule({ id: 'er_urgent', name: 'urgent', priority: 5 });
    const late = rule({ id: 'er_late', name: 'late', validFrom: new Date('2026-02-01T00:00:00Z') });
    expect(winner([general, urgent, late])).toBe('er_urgent');
    expect(winner([general, late])).toBe('er_late');
  });

  it('uses the version of a name that began last, even if it matches less', () => {
    const second = rule({
      id: 'er_base2',
      version: 2,
      validFrom: new Date('2026-03-01T00:00:00Z'),
      match: matching({ excludeCategories: ['drinks'] }),
    });
    expect(winner([general, second])).toBeNull();
    expect(winner([general, second], { occurredAt: new Date('2026-02-28T00:00:00Z') })).toBe('er_base');
  });

  it('lets the later version win among equals', () => {
    expect(winner([rule({ id: 'er_2', version: 2 }), general])).toBe('er_2');
    expect(winner([general, rule({ id: 'er_2', version: 2 })])).toBe('er_2');
  });

  it('uses half-open intervals', () => {
    const ended = rule({ validTo: march });
    expect(winner([ended])).toBeNull();
    expect(winner([ended], { occurredAt: new Date(march.getTime() - 1) })).toBe('er_base');
    expect(winner([rule({ validFrom: march })])).toBe('er_base');
  });
});
