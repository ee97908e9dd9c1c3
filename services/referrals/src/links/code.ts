/** Crockford's base 32: no I, L, O, U, to avoid misreading when a code is read aloud or typed from paper. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Number of random letters: 60 bits, too many to guess. The thirteenth is the check letter. */
const LETTERS = 12;

/** Product in the field of 32 elements (x⁵ + x² + 1). */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = b, value = a; bit > 0; bit >>= 1) {
    if (bit & 1) product ^= value;
    value <<= 1;
    if (value & 32) value ^= 37;
  }
  return product;
}

/** Each position has its own weight, so a wrong letter or a swap of neighbours always changes the check letter. */
function checkLetter(values: readonly number[]): string {
  let weight = 1;
  let sum = 0;
  for (const value of values) {
    weight = times(weight, 2);
    sum ^= times(weight, value);
  }
  return ALPHABET[sum] ?? '';
}

/** A code of 60 random bits (the lowest of eight bytes) with its check letter. */
export function codeFrom(random: Uint8Array): string {
  if (random.length < 8) throw new RangeError('60 random bits need eight bytes');
  let rest = new DataView(random.buffer, random.byteOffset, 8).getBigUint64(0);
  const values: number[] = [];
  for (let i = 0; i < LETTERS; i += 1) {
    values.push(Number(rest & 31n));
    rest >>= 5n;
  }
  return values.map((value) => ALPHABET[value]).join('') + checkLetter(values);
}

/** Normalizes a code as people type it to the stored spelling; null if it cannot be a code. */
export function readCode(text: string): string | null {
  if (text.length > 40) return null;
  const code = text.toUpperCase().replaceAll(/[-\s]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  if (code.length !== LETTERS + 1) return null;
  const values = Array.from(code.slice(0, LETTERS), (letter) => ALPHABET.indexOf(letter));
  return !values.includes(-1) && checkLetter(values) === code.at(-1) ? code : null;
}
