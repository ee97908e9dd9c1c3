import { fail } from './errors.js';
import { divRound } from './rounding.js';
import type { RoundingMode } from './rounding.js';

const PATTERN = /^(-?)(\d{1,18})(?:\.(\d{1,12}))?$/;

/**
 * An exact decimal number: an integer and a scale. Used for prices per point and unrounded amounts, in minor units.
 * Immutable; only `round` and `rescale` can lose digits.
 */
export class Decimal {
  static readonly ZERO = new Decimal(0n, 0);

  private constructor(
    /** The value times ten to the power of `scale`. */
    readonly unscaled: bigint,
    readonly scale: number,
  ) {}

  static of(unscaled: bigint, scale = 0): Decimal {
    return new Decimal(unscaled, scale);
  }

  /**
   * Reads a plain decimal such as `"0.90"` or `"-12"`; no exponent, no sign but minus.
   * @throws DomainError `price_invalid`
   */
  static parse(text: string): Decimal {
    const match = PATTERN.exec(text);
    if (match === null) fail('price_invalid', { detail: 'Not a plain decimal number.' });
    const fraction = match[3] ?? '';
    const magnitude = BigInt((match[2] ?? '') + fraction);
    return new Decimal(match[1] === '-' ? -magnitude : magnitude, fraction.length);
  }

  add(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.at(scale) + other.at(scale), scale);
  }

  sub(other: Decimal): Decimal {
    return this.add(other.negate());
  }

  negate(): Decimal {
    return new Decimal(-this.unscaled, this.scale);
  }

  mul(other: Decimal | bigint): Decimal {
    return typeof other === 'bigint'
      ? new Decimal(this.unscaled * other, this.scale)
      : new Decimal(this.unscaled * other.unscaled, this.scale + other.scale);
  }

  /** Negative, zero or positive when this is less than, equal to or greater than the other. */
  compare(other: Decimal): number {
    const scale = Math.max(this.scale, other.scale);
    const difference = this.at(scale) - other.at(scale);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  isNegative(): boolean {
    return this.unscaled < 0n;
  }

  isZero(): boolean {
    return this.unscaled === 0n;
  }

  /** The nearest whole number under the rounding mode. */
  round(mode: RoundingMode): bigint {
    return divRound(this.unscaled, 10n ** BigInt(this.scale), mode);
  }

  /** The quotient of this and the divisor, rounded to a whole number. */
  divide(divisor: Decimal, mode: RoundingMode): bigint {
    const scale = Math.max(this.scale, divisor.scale);
    return divRound(this.at(scale), divisor.at(scale), mode);
  }

  /**
   * The integer that represents this value at a fixed scale, as stored in `*_micro` columns (scale 6).
   * @throws DomainError `price_invalid` when digits would be lost
   */
  toScaled(scale: number): bigint {
    if (scale >= this.scale) return this.at(scale);
    const divisor = 10n ** BigInt(this.scale - scale);
    if (this.unscaled % divisor !== 0n) fail('price_invalid', { detail: `More than ${scale} decimals.` });
    return this.unscaled / divisor;
  }

  static fromScaled(value: bigint, scale: number): Decimal {
    return new Decimal(value, scale);
  }

  /** Plain notation with at least `minDecimals` decimals and no trailing zeros beyond them. */
  toString(minDecimals = 2): string {
    let fractionDigits = this.scale;
    let unscaled = this.unscaled;
    while (fractionDigits > minDecimals && unscaled % 10n === 0n) {
      unscaled /= 10n;
      fractionDigits -= 1;
    }
    if (fractionDigits < minDecimals) {
      unscaled *= 10n ** BigInt(minDecimals - fractionDigits);
      fractionDigits = minDecimals;
    }
    const sign = unscaled < 0n ? '-' : '';
    const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(fractionDigits + 1, '0');
    const whole = digits.slice(0, digits.length - fractionDigits);
    return fractionDigits === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-fractionDigits)}`;
  }

  toJSON(): string {
    return this.toString();
  }

  private at(scale: number): bigint {
    return this.unscaled * 10n ** BigInt(scale - this.scale);
  }
}

/** Decimal places of stored prices: columns named `*_micro` hold millionths of a minor unit. */
export const MICRO_SCALE = 6;
