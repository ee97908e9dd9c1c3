import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, shortOf } from './compile.js';
import { restartsOf } from './restarts.js';

const ALL = ['partners', 'ledger', 'gateway'];

it.each([
  ['a source of a service: that service', ['services/ledger/src/rules/earning.ts'], ['ledger'], false],
  ['a migration: its service', ['services/ledger/migrations/0001-wallets.ts'], ['ledger'], false],
  ['two services: both', ['services/gateway/src/x.ts', 'services/partners/src/y.ts'], ['partners', 'gateway'], false],
  ['a library: all', ['libs/kernel/src/money.ts'], ALL, false],
  ['a library and a service: all, once', ['libs/kernel/src/money.ts', 'services/ledger/src/x.ts'], ALL, false],
  ['what runs the network: a new start', ['deploy/local/network/main.ts'], [], true],
  [
    'specs, declarations, other files and tools: nothing',
    [
      'services/ledger/src/rules/earning.spec.ts',
      'services/ledger/test/stamps.medium.spec.ts',
      'services/ledger/test/rig.ts',
      'libs/testing/src/tokens.ts',
      'libs/kernel/src/x.d.ts',
      'services/ledger/README.md',
      'services/ledger/schema/schema.sql',
      'deploy/tools/topics.ts',
      'deploy/local/test/client.ts',
    ],
    [],
    false,
  ],
])('%s', (_what, files, services, network) => {
  expect(restartsOf(files, ALL)).toEqual({ services, network });
});

describe('a saved source', () => {
  const root = mkdtempSync(join(tmpdir(), 'hezong-compile-'));
  const file = 'services/ledger/src/x.ts';
  const compiled = join(root, 'dist/services/ledger/src/x.js');
  const save = (text: string): void => writeFileSync(join(root, file), text);

  beforeAll(() => {
    mkdirSync(join(root, 'services/ledger/src'), { recursive: true });
    writeFileSync(join(root, '.swcrc'), readFileSync('.swcrc'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('is compiled with a source map; saving the same code again causes nothing', async () => {
    save('export const points: number = 1;\n');
    await expect(compile(root, file)).resolves.toBe(true);
    expect(readFileSync(compiled, 'utf8')).toBe('export const points = 1;\n\n//# sourceMappingURL=x.js.map');
    const map = JSON.parse(readFileSync(`${compiled}.map`, 'utf8')) as { sources: string[] };
    expect(map.sources).toEqual(['../../../../services/ledger/src/x.ts']);
    await expect(compile(root, file)).resolves.toBe(false);
  });

  it('with a syntax error leaves the compiled file, and is reported in one short block', async () => {
    save('export const points: number = 1;\nexport const = 2;\n');
    const fault: unknown = await compile(root, file).catch((error: unknown) => error);
    const lines = shortOf(fault).split('\n');
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(lines.join('\n')).toContain('services/ledger/src/x.ts:2:');
    expect(lines.join('\n')).not.toContain('\u001b');
    expect(readFileSync(compiled, 'utf8')).toContain('points = 1');
  });

  it('that is removed loses its compiled file', async () => {
    rmSync(join(root, file));
    await expect(compile(root, file)).resolves.toBe(true);
    expect(() => readFileSync(compiled)).toThrow('ENOENT');
  });
});
