import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { TOPICS } from '#libs/contracts';

interface Document {
  channels: Record<string, { address: string; messages: object }>;
}

const json = async (path: string): Promise<object> => JSON.parse(await readFile(path, 'utf8')) as object;
const document = (await json('docs/asyncapi.json')) as Document;

describe('docs/asyncapi.json', () => {
  it('is an AsyncAPI 3 document', async () => {
    const schema = await json('node_modules/@asyncapi/specs/schemas/3.0.0.json');
    // the schema includes the JSON schema meta-schema
    const ajv = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false, logger: false });
    addFormats.default(ajv);
    const check = ajv.compile(schema);
    expect(check(document) ? [] : check.errors).toEqual([]);
    // proves that the schema detects faults
    expect(check({ ...document, channels: { broken: { address: 1 } } })).toBe(false);
  });

  it('has every topic, and no dangling reference', () => {
    const addresses = Object.values(document.channels).map(({ address }) => address);
    expect(addresses.sort()).toEqual(Object.values(TOPICS).sort());
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    const lost = references.filter(
      (path) =>
        path.split('/').reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], document) ===
        undefined,
    );
    expect(lost).toEqual([]);
  });
});
