import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@hey-api/openapi-ts';
import { textsIn, writeOrCheck } from './generated.js';

/** Writes libs/sdk/src/gen from docs/openapi.json; with --check it only compares and fails on drift. */
const FOLDER = 'libs/sdk/src/gen';
const DOCUMENT = 'docs/openapi.json';
const KEY = 'Idempotency-Key';

interface Document {
  paths: Record<string, { post?: { parameters?: { name: string }[] } }>;
}

async function generate(path: string): Promise<void> {
  await createClient({
    input: `./${DOCUMENT}`,
    output: { path, module: { extension: '.js' }, entryFile: true },
    logs: { level: 'silent' },
    plugins: [
      // the client is always passed: it holds the address and the token
      { name: '@hey-api/client-fetch', throwOnError: true, baseUrl: false },
      '@hey-api/typescript',
      {
        name: '@hey-api/sdk',
        responseStyle: 'data',
        operations: {
          strategy: 'single',
          containerName: 'HezongApi',
          methods: 'instance',
          nesting: 'operationId',
          nestingDelimiters: /_/,
        },
      },
    ],
  });
  await makeExact(path);
  const { paths } = JSON.parse(await readFile(DOCUMENT, 'utf8')) as Document;
  const keyed = Object.keys(paths).filter((address) =>
    paths[address]?.post?.parameters?.some(({ name }) => name === KEY),
  );
  await writeFile(join(path, 'keyed.gen.ts'), keyedSource(keyed));
}

/** Sums may exceed what JSON.parse reads exactly: the client reads those as bigints, and its types include bigint. */
async function makeExact(path: string): Promise<void> {
  const replace = async (file: string, from: string | RegExp, to: string): Promise<void> => {
    const text = await readFile(join(path, file), 'utf8');
    const made = text.replaceAll(from, to);
    if (made === text) throw new Error(`${file} has no ${from}`);
    await writeFile(join(path, file), made);
  };
  await replace('client/client.gen.ts', 'text ? JSON.parse(text) : {}', 'text ? parseExactJson(text) : {}');
  const first = 'import { createSseClient }';
  await replace('client/client.gen.ts', first, `import { parseExactJson } from '../../exact-json.js';\n${first}`);
  await replace('types.gen.ts', /(the client returns a bigint\.\s*\*\/\s*\w+: )number;/g, '$1number | bigint;');
}

/** The client sends a key, and repeats a POST, only where the server keeps keys. */
function keyedSource(addresses: readonly string[]): string {
  const lines = addresses.map((address) => `  '${address}',\n`).join('');
  return `// Generated from ${DOCUMENT}\n\n/** POST calls that take an ${KEY}. */\nexport const KEYED: ReadonlySet<string> = new Set([\n${lines}]);\n`;
}

const draft = await mkdtemp(join(tmpdir(), 'hezong-sdk-'));
try {
  await generate(join(draft, 'gen'));
  const texts = await textsIn(join(draft, 'gen'));
  await writeOrCheck('gen:sdk', new Map([...texts].map(([name, text]) => [`${FOLDER}/${name}`, text])), [FOLDER]);
} finally {
  await rm(draft, { recursive: true, force: true });
}
