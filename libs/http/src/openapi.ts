import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { BRAND_SCOPES, OPERATOR_SCOPE } from '#libs/auth';
import { nameShapes } from './answer.js';
import { problemOf } from './problem.js';

const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail', 'retryable'],
  properties: {
    type: { type: 'string', description: 'Page of the error catalogue.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'Stable: base decisions on this field.' },
    detail: { type: 'string', description: 'For people.' },
    retryable: { type: 'boolean', description: 'Whether the same call, with the same key, may succeed later.' },
    traceId: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'code', 'detail'],
        properties: {
          pointer: { type: 'string', description: 'JSON pointer into the body.' },
          code: { type: 'string' },
          detail: { type: 'string' },
        },
      },
    },
  },
} as const;

/** The OpenAPI 3.1 document of a service's public routes. */
export function openApiOf(app: NestFastifyApplication, service: string): OpenAPIObject {
  const scopes = Object.fromEntries([...BRAND_SCOPES, OPERATOR_SCOPE].map((scope) => [scope, scope]));
  const settings = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle(`Hezong ${service}`)
    .setDescription(`The calls of the ${service} service. Times are UTC, points and money are whole numbers.`)
    .setVersion('1')
    .addOAuth2({ type: 'oauth2', flows: { clientCredentials: { tokenUrl: '/oauth/token', scopes } } }, 'oauth2')
    .build();
  const document = SwaggerModule.createDocument(app, settings, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  nothingIgnored(document);
  const responses = refusals();
  const named: Record<string, unknown> = {};
  for (const path of Object.values(document.paths)) {
    for (const operation of [path.get, path.post, path.put, path.patch, path.delete]) {
      if (operation === undefined) continue;
      const answers = nameShapes(operation.responses, named) as typeof operation.responses;
      operation.responses = { ...answers, default: answers['default'] ?? responses };
    }
  }
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ...(named as object), Problem: PROBLEM_SCHEMA as never },
  };
  return document;
}

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  [word: string]: unknown;
}

/** Documents that unknown fields in requests are refused, and that query parameters are never null. */
function nothingIgnored(document: OpenAPIObject): void {
  const schemas = (document.components?.schemas ?? {}) as Record<string, Schema>;
  const seen = new Set<unknown>();
  const close = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null || seen.has(schema)) return;
    seen.add(schema);
    const { $ref, properties, additionalProperties } = schema as Schema;
    if ($ref !== undefined) close(schemas[$ref.slice($ref.lastIndexOf('/') + 1)]);
    if (properties !== undefined && additionalProperties === undefined) {
      Object.assign(schema, { additionalProperties: false });
    }
    Object.entries(schema).forEach(([word, part]) => (word.startsWith('example') ? undefined : close(part)));
  };
  for (const path of Object.values(document.paths)) {
    for (const operation of [path.get, path.post, path.put, path.patch, path.delete]) {
      close(operation?.requestBody);
      for (const parameter of operation?.parameters ?? []) {
        const schema = 'schema' in parameter ? (parameter.schema as Schema) : {};
        if (Array.isArray(schema.type)) schema.type = schema.type.find((type) => type !== 'null') ?? schema.type;
        if (schema.enum !== undefined) schema.enum = schema.enum.filter((value) => value !== null);
      }
    }
  }
}

function refusals(): never {
  return {
    description: 'Refused: see `code`.',
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        example: problemOf('validation_failed', {
          errors: [{ pointer: '/lines/0/net', code: 'not_an_integer', detail: 'Must be a whole number.' }],
        }),
      },
    },
  } as never;
}
