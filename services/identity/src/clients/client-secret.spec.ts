import { hashClientSecret, matchesAny, newClientSecret } from './client-secret.js';

it('is 256 random bits under a known prefix', () => {
  const secrets = new Set(Array.from({ length: 100 }, newClientSecret));
  expect(secrets.size).toBe(100);
  for (const secret of secrets) expect(secret).toMatch(/^hzs_[\w-]{43}$/);
});

it('matches any of the live hashes and nothing else', () => {
  const [first, second] = [newClientSecret(), newClientSecret()];
  const live = [first, second].map(hashClientSecret);
  expect(matchesAny(first, live)).toBe(true);
  expect(matchesAny(second, live)).toBe(true);
  expect(matchesAny(newClientSecret(), live)).toBe(false);
  expect(matchesAny(first, [])).toBe(false);
  expect(matchesAny('', live)).toBe(false);
});
