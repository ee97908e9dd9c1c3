import { net, netByEntity, roundGroup } from './netting.js';
import type { GroupKind, PriceGroup } from './netting.js';

const A = 'brand:aurora';
const B = 'brand:birch';
const C = 'brand:crest';

const group = (
  payer: string,
  payee: string,
  points: bigint,
  priceMicro: bigint,
  kind: GroupKind = payee === 'operator' ? 'fee' : 'reimbursement',
): PriceGroup => ({ payer, payee, kind, asset: 'PTS', priceMicro, points, amountMicro: points * priceMicro });

const fixed = (payer: string, payee: string, amount: bigint, kind: GroupKind): PriceGroup => ({
  ...group(payer, payee, 0n, 0n, kind),
  asset: null,
  amountMicro: amount * 1_000_000n,
});

const EXAMPLE = [
  group(A, C, 10_000n, 900_000n),
  group(B, C, 0n, 900_000n),
  group(B, A, 3_000n, 900_000n),
  group(C, A, 500n, 900_000n),
  group(A, 'operator', 10_000n, 150_000n),
  group(B, 'operator', 3_000n, 150_000n),
  group(C, 'operator', 500n, 150_000n),
];

describe('netting', () => {
  it('gives the figures of the worked example', () => {
    const result = net(EXAMPLE);
    expect(Object.fromEntries(result.positions)).toEqual({ [A]: -7_350n, [B]: -3_150n, [C]: 8_475n, operator: 2_025n });
    expect(result.gross).toBe(12_150n);
    expect(result.netted).toBe(8_550n);
    expect(result.remainderMicro).toBe(0n);
  });

  it('counts reimbursements alone in gross and netted: commissions and conversions move beside them', () => {
    const result = net([
      ...EXAMPLE,
      fixed(B, A, 2_000n, 'commission'),
      fixed(B, 'members', 7_000n, 'commission'),
      fixed(B, 'operator', 1_000n, 'fee'),
      fixed('members', 'operator', 6_000n, 'conversion'),
    ]);
    expect([result.gross, result.netted]).toEqual([12_150n, 8_550n]);
    expect(Object.fromEntries(result.positions)).toEqual({
      [A]: -5_350n,
      [B]: -13_150n,
      [C]: 8_475n,
      members: 1_000n,
      operator: 9_025n,
    });
  });

  it('rounds three lines of 333 points at 1.05 once: 1,049 and not 1,050', () => {
    const result = net([group(A, C, 999n, 1_050_000n)]);
    expect(result.positions.get(C)).toBe(1_049n);
    expect(result.positions.get(A)).toBe(-1_049n);
    expect(result.remainderMicro).toBe(-50_000n);
  });

  it('rounds half away from zero', () => {
    expect(roundGroup(500_000n)).toBe(1n);
    expect(roundGroup(-500_000n)).toBe(-1n);
    expect(roundGroup(499_999n)).toBe(0n);
    expect(roundGroup(-1_500_000n)).toBe(-2n);
  });

  it('lets a group of give-backs flow the other way', () => {
    const result = net([group(A, C, -100n, 900_000n)]);
    expect(Object.fromEntries(result.positions)).toEqual({ [A]: 90n, [C]: -90n });
    expect(result.gross).toBe(90n);
    expect(result.netted).toBe(90n);
  });

  it('settles brands of one legal entity as one', () => {
    const one = { payerEntity: 'le-1', payeeEntity: 'le-2' };
    const entities = netByEntity([
      { ...group(A, C, 100n, 1_000_000n), ...one },
      { ...group('brand:annex', C, -30n, 1_000_000n), ...one },
      { ...group(A, 'operator', 5n, 1_000_000n), payerEntity: 'le-1', payeeEntity: null },
    ]);
    expect(Object.fromEntries(entities)).toEqual({ 'le-1': -75n, 'le-2': 70n });
  });
});
