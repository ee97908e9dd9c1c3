import { Decimal } from './decimal.js';

describe('Decimal', () => {
  it.each(['0.90', '1.05', '-12.00', '349.65', '0.000001', '123456789012345678.00'])('reads and writes %s', (text) => {
    const decimals = Math.max(2, text.split('.')[1]?.length ?? 0);
    expect(Decimal.parse(text).toString(decimals)).toBe(text);
  });

  it.each(['', '1e3', '+1', '.5', '1.', '1,05', ' 1', '0x1', 'NaN', '1.0000000000001'])('refuses %j', (text) => {
    expect(() => Decimal.parse(text)).toThrow(expect.objectContaining({ code: 'price_invalid' }));
  });

  it('never loses a digit: three times 333 points at 1.05 is 1048.95', () => {
    const line = Decimal.parse('1.05').mul(333n);
    expect(line.toString()).toBe('349.65');
    expect(line.add(line).add(line).toString()).toBe('1048.95');
    expect(line.add(line).add(line).round('half_up')).toBe(1049n);
  });

  it('divides exactly: 6000 fen at 1.05 buy 5714 points', () => {
    expect(Decimal.of(6000n).divide(Decimal.parse('1.05'), 'floor')).toBe(5714n);
    expect(Decimal.of(2400n).divide(Decimal.parse('1.05'), 'floor')).toBe(2285n);
  });

  it('is stored in millionths and refuses a value that would be truncated', () => {
    expect(Decimal.parse('0.90').toScaled(6)).toBe(900_000n);
    expect(Decimal.fromScaled(900_000n, 6).toString()).toBe('0.90');
    expect(() => Decimal.parse('0.1234567').toScaled(6)).toThrow(expect.objectContaining({ code: 'price_invalid' }));
  });

  it('drops trailing zeros beyond the requested decimals', () => {
    expect(Decimal.fromScaled(1_050_000n, 6).toString()).toBe('1.05');
    expect(Decimal.fromScaled(1_234_500n, 6).toString()).toBe('1.2345');
    expect(Decimal.fromScaled(-50_000n, 6).toString()).toBe('-0.05');
    expect(Decimal.of(7n).toString(0)).toBe('7');
  });

  it('compares across scales', () => {
    expect(Decimal.parse('1.10').compare(Decimal.parse('1.1'))).toBe(0);
    expect(Decimal.parse('1.09').compare(Decimal.parse('1.1'))).toBeLessThan(0);
  });
});
