import { Decimal, MICRO_SCALE } from '#libs/kernel';

/** Decimal string in minor units: `"9000.00"`. */
export function microToText(micro: bigint): string {
  return Decimal.fromScaled(micro, MICRO_SCALE).toString();
}
