import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { fastify } from 'fastify';
import { PROXY_ROUTES } from '../../services/gateway/src/proxy/routes.js';

interface Media {
  schema?: object;
  example?: unknown;
}
interface Operation {
  operationId: string;
  'x-max-bytes'?: number;
  requestBody?: object;
  responses: Record<string, { content?: Record<string, Media> }>;
}

const document = JSON.parse(await readFile('docs/openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
};
const { schemas } = document.components;
const operations = Object.values(document.paths).flatMap((path) => Object.values(path));

/** Answers of a successful operation. */
const answers = operations.flatMap(({ operationId, responses }) =>
  Object.entries(responses)
    .filter(([status]) => /^2\d\d$/.test(status))
    .map(([status, { content }]) => ({ operationId, status, media: Object.values(content ?? {}) })),
);

describe('docs/openapi.json', () => {
  it('names every operation once', () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect([...new Set(ids)]).toEqual(ids);
  });

  it('declares the answers of every operation', () => {
    const told = new Set(
      answers
        .filter(({ status, media }) => status === '204' || media.some(({ schema }) => schema !== undefined))
        .map(({ operationId }) => operationId),
    );
    // a redirect has no body to describe
    const silent = operations.filter(
      ({ operationId, responses }) =>
        !told.has(operationId) && !Object.keys(responses).some((status) => status.startsWith('3')),
    );
    expect(silent.map(({ operationId }) => operationId)).toEqual([]);
  });

  it('declares for every body that unknown fields are refused', () => {
    const open = new Set<string>();
    const look = (schema: unknown, where: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      const { $ref, properties, additionalProperties } = schema as Record<string, unknown>;
      const named = typeof $ref === 'string' ? $ref.slice('#/components/schemas/'.length) : null;
      if (named !== null) look(schemas[named], named);
      if (properties !== undefined && additionalProperties === undefined) open.add(where);
      for (const part of Object.values(schema)) look(part, where);
    };
    for (const { operationId, requestBody } of operations) look(requestBody, operationId);
    // an OAuth form may have parameters that a server does not know
    expect([...open]).toEqual(['token']);
  });

  it('gives only examples that its own schemas accept', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(ajv);
    ajv.addSchema({ $id: 'hezong', components: document.components });
    for (const { operationId, status, media } of answers) {
      for (const { schema, example } of media) {
        if (schema === undefined || example === undefined) continue;
        const text = JSON.stringify(schema).replaceAll('"#/components', '"hezong#/components');
        const check = ajv.compile(JSON.parse(text) as object);
        const faults = check(example) ? [] : check.errors;
        expect({ operationId, status, faults }).toEqual({ operationId, status, faults: [] });
      }
    }
  });

  it('permits no body that the gateway would refuse', async () => {
    const door = fastify();
    for (const { path, bodyLimit } of PROXY_ROUTES) door.all(path, () => ({ bodyLimit }));
    const larger = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, operation]) => operation['x-max-bytes'] !== undefined)
        .map(([method, operation]) => ({
          path: path.replace(/\{\w+\}/g, 'x'),
          method,
          most: operation['x-max-bytes'],
        })),
    );
    expect(larger.length).toBeGreaterThan(5);
    const url = await door.listen({ port: 0 });
    for (const { path, method, most } of larger) {
      const answer = await fetch(url + path, { method: method.toUpperCase() });
      expect({ path, ...((await answer.json()) as object) }).toEqual({ path, bodyLimit: most });
    }
    await door.close();
  });
});
