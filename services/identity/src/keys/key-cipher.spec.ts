import { randomBytes } from 'node:crypto';
import { openKey, sealKey } from './key-cipher.js';

const key = randomBytes(32);
const jwk = { kty: 'EC', d: 'the private part' };

it('opens what it sealed', () => {
  const sealed = sealKey(key, 'k1', jwk);
  expect(sealed.toString('latin1')).not.toContain('private');
  expect(openKey(key, 'k1', sealed)).toEqual(jwk);
  expect(sealKey(key, 'k1', jwk)).not.toEqual(sealed);
});

it('opens nothing under another key, for another kid, or changed', () => {
  const sealed = sealKey(key, 'k1', jwk);
  const changed = Buffer.from(sealed);
  changed[30] = (changed[30] ?? 0) ^ 1;
  expect(() => openKey(randomBytes(32), 'k1', sealed)).toThrow('KEY_ENCRYPTION_KEY');
  expect(() => openKey(key, 'k2', sealed)).toThrow('k2');
  expect(() => openKey(key, 'k1', changed)).toThrow('k1');
});
