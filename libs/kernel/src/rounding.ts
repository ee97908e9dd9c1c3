/** Rounding mode from an exact amount to a whole number. `half_up` rounds half away from zero. */
export type RoundingMode = 'floor' | 'ceil' | 'half_up' | 'half_even' | 'trunc';

/**
 * Divides two integers and rounds the quotient.
 * @throws RangeError when the divisor is zero
 */
export function divRound(dividend: bigint, divisor: bigint, mode: RoundingMode): bigint {
  if (divisor === 0n) throw new RangeError('division by zero');
  const [n, d] = divisor < 0n ? [-dividend, -divisor] : [dividend, divisor];
  const quotient = n / d;
  const rest = n % d;
  if (rest === 0n) return quotient;
  const away = n < 0n ? quotient - 1n : quotient + 1n;
  const twice = (rest < 0n ? -rest : rest) * 2n;
  switch (mode) {
    case 'trunc':
      return quotient;
    case 'floor':
      return n < 0n ? away : quotient;
    case 'ceil':
      return n < 0n ? quotient : away;
    case 'half_up':
      return twice >= d ? away : quotient;
    case 'half_even':
      if (twice === d) return quotient % 2n === 0n ? quotient : away;
      return twice > d ? away : quotient;
  }
}
