import { net, netByEntity, roundGroup } from './netting.js';
import type { PriceGroup } from './netting.js';

const group = (payer: string, payee: string, points: bigint, priceMicro: bigint, fee = false): PriceGroup => ({
  payer,
  payee,
  fee,
  priceMicro,
  points,
  amountMicro: points * priceMicro,
});

describe('netting', () => {
  it('gives the figures of the worked example', () => {
    const result = net([
      group('aurora', 'crest', 10_000n, 900_000n),
      group('birch', 'crest', 0n, 900_000n),
      group('birch', 'aurora', 3_000n, 900_000n),
      group('crest', 'aurora', 500n, 900_000n),
      group('aurora', 'operator', 10_000n, 150_000n, true),
      group('birch', 'operator', 3_000n, 150_000n, true),
      group('crest', 'operator', 500n, 150_000n, true),
    ]);
    expect(Object.fromEntries(result.brands)).toEqual({ aurora: -7_350n, birch: -3_150n, crest: 8_475n });
    expect(result.operator).toBe(2_025n);
    expect(result.gross).toBe(12_150n);
    expect(result.netted).toBe(8_550n);
    expect(result.remainderMicro).toBe(0n);
  });

  it('rounds three lines of 333 points at 1.05 once: 1,049 and not 1,050', () => {
    const result = net([group('aurora', 'crest', 999n, 1_050_000n)]);
    expect(result.brands.get('crest')).toBe(1_049n);
    expect(result.brands.get('aurora')).toBe(-1_049n);
    expect(result.remainderMicro).toBe(-50_000n);
  });

  it('rounds half away from zero', () => {
    expect(roundGroup(500_000n)).toBe(1n);
    expect(roundGroup(-500_000n)).toBe(-1n);
    expect(roundGroup(499_999n)).toBe(0n);
    expect(roundGroup(-1_500_000n)).toBe(-2n);
  });

  it('lets a group of give-backs flow the other way', () => {
    const result = net([group('aurora', 'crest', -100n, 900_000n)]);
    expect(Object.fromEntries(result.brands)).toEqual({ aurora: 90n, crest: -90n });
    expect(result.gross).toBe(90n);
    expect(result.netted).toBe(90n);
  });

  it('settles brands of one legal entity as one', () => {
    const nets = new Map([
      ['aurora', -100n],
      ['annex', 30n],
      ['crest', 70n],
    ]);
    const entities = netByEntity(nets, (brand) => (brand === 'crest' ? 'le-2' : 'le-1'));
    expect(Object.fromEntries(entities)).toEqual({ 'le-1': -70n, 'le-2': 70n });
  });
});
