import { randomBytes } from 'node:crypto';
import { codeFrom, readCode } from './code.js';

it('reads its own codes in any spelling', () => {
  const code = codeFrom(randomBytes(8));
  expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{13}$/);
  expect(readCode(code)).toBe(code);
  expect(readCode(` ${code.slice(0, 4).toLowerCase()}-${code.slice(4)} `)).toBe(code);
  const zeros = codeFrom(new Uint8Array(8));
  expect(readCode(zeros.replaceAll('0', 'o'))).toBe(zeros);
});

it('detects every single wrong letter and every swap of neighbours', () => {
  for (let round = 0; round < 20; round += 1) {
    const code = codeFrom(randomBytes(8));
    for (let place = 0; place < 13; place += 1) {
      for (const letter of '0123456789ABCDEFGHJKMNPQRSTVWXYZ') {
        const wrong = code.slice(0, place) + letter + code.slice(place + 1);
        expect(readCode(wrong)).toBe(wrong === code ? code : null);
      }
      const swapped = code.slice(0, place) + (code[place + 1] ?? '') + (code[place] ?? '') + code.slice(place + 2);
      if (place < 11 && swapped !== code) expect(readCode(swapped)).toBeNull();
    }
  }
});

it.each(['', 'ABC', 'U'.repeat(13), '0'.repeat(200)])('refuses %j', (text) => {
  expect(readCode(text)).toBeNull();
});
