import { allowedTarget, isPublicSuffix, withClick } from './target.js';

it.each([
  ['https://shop.birch.example/a?b=1', true],
  ['https://SHOP.birch.example/', true],
  ['https://birch.example/', true],
  ['http://birch.example/', false],
  ['https://birch.example.evil.example/', false],
  ['https://notbirch.example/', false],
  ['https://birch.example@evil.example/', false],
  ['https://birch.example:8443/', false],
  ['javascript:alert(1)', false],
  ['//birch.example', false],
  ['https://evil.example/?https://birch.example', false],
])('%s is allowed: %s', (target, allowed) => {
  expect(allowedTarget(target, ['birch.example']) !== null).toBe(allowed);
});

it('adds the click to the existing parameters', () => {
  expect(withClick('https://birch.example/a?b=1#c', 'tc_1')).toBe('https://birch.example/a?b=1&hz_click=tc_1#c');
});

it.each(['com.cn', 'co.uk', 'github.io', 'blogspot.com'])('%s is not a shop’s domain', (host) => {
  expect(isPublicSuffix(host)).toBe(true);
});
it.each(['birch.example', 'shop.com.cn', 'birch.github.io', 'jd.com'])('%s is a shop’s domain', (host) => {
  expect(isPublicSuffix(host)).toBe(false);
});
