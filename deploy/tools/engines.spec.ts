import { readFileSync } from 'node:fs';
import { satisfies } from 'semver';

/** The oldest supported Node. */
const OLDEST = '20.19.0';

interface Package {
  readonly engines?: { readonly node?: string };
}

it('every package of the lock file runs on the oldest supported Node, so that npm ci warns nobody', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Package> };
  const needs = Object.entries(packages).map(([name, { engines }]) => [name, engines?.node ?? '*'] as const);
  expect(needs.length).toBeGreaterThan(500);
  expect(needs.filter(([, range]) => !satisfies(OLDEST, range))).toEqual([]);
});
