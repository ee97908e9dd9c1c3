/** The parts of an OpenAPI document that are read here; the rest passes through. */
export interface OpenApi {
  openapi: string;
  info: { title: string; version: string; description?: string };
  paths: Record<string, PathItem>;
  components?: Record<string, Record<string, unknown>>;
  [other: string]: unknown;
}

export type PathItem = Record<string, unknown>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const HIDDEN = /^\/internal\//;

const refusedToken = (description: string, example: object): object => ({
  description,
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['error'],
        properties: { error: { type: 'string' }, error_description: { type: 'string' } },
      },
      example,
    },
  },
});

const TOKEN_PATH: PathItem = {
  post: {
    tags: ['tokens'],
    operationId: 'token',
    summary: 'Get an access token (OAuth 2.0 client credentials)',
    description: 'The client authenticates with HTTP Basic or a `private_key_jwt` assertion. Tokens are short-lived; get a new one when one has expired.',
    security: [],
    requestBody: {
      required: true,
      content: {
        'application/x-www-form-urlencoded': {
          schema: {
            type: 'object',
            required: ['grant_type'],
            properties: {
              grant_type: { const: 'client_credentials' },
              scope: { type: 'string', description: 'Default: all scopes of the client.' },
            },
          },
          example: { grant_type: 'client_credentials', scope: 'orders:write wallet:read' },
        },
      },
    },
    responses: {
      200: {
        description: 'A bearer token.',
        content: {
          'application/json': {
            schema: {
              type: 'object',
              required: ['access_token', 'token_type', 'expires_in'],
              properties: {
                access_token: { type: 'string' },
                token_type: { type: 'string' },
                expires_in: { type: 'integer', description: 'Seconds.' },
                scope: { type: 'string' },
              },
            },
            example: { access_token: 'eyJ…', token_type: 'Bearer', expires_in: 600, scope: 'orders:write wallet:read' },
          },
        },
      },
      400: refusedToken('The form is not valid: an unsupported grant type, a scope that the client does not have, or an unreadable body.', {
        error: 'invalid_scope',
        error_description: 'requested scope is not allowed',
      }),
      401: refusedToken('The client is unknown or revoked, or its secret or assertion is not valid.', {
        error: 'invalid_client',
        error_description: 'client authentication failed',
      }),
      default: {
        description: 'Refused by the network: see `code`.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  },
};

/**
 * Merges the documents of the services into one for the whole network, without internal routes. The same input gives the same text.
 */
export function mergeOpenApi(documents: readonly (readonly [string, OpenApi])[]): OpenApi {
  const paths: Record<string, PathItem> = { '/oauth/token': TOKEN_PATH };
  const components: Record<string, Record<string, unknown>> = {};
  for (const [service, original] of documents) {
    const document = withoutClashes(service, original, components['schemas'] ?? {});
    for (const [path, item] of Object.entries(document.paths)) {
      if (!HIDDEN.test(path)) paths[path] = { ...paths[path], ...item };
    }
    for (const [kind, named] of Object.entries(document.components ?? {})) {
      components[kind] = { ...components[kind], ...named };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Hezong',
      version: '1',
      description:
        'Points are whole numbers. Money is whole numbers of minor units. Prices are decimal strings in minor units. Times are RFC 3339. ' +
        'Every call that moves value carries `externalId`, its permanent key: a repeat with the same content gets the first answer again.',
    },
    servers: [{ url: '/' }],
    security: [{ oauth2: [] }],
    paths: sorted(paths),
    components: Object.fromEntries(Object.entries(components).map(([kind, named]) => [kind, sorted(named)])),
  };
}

/** Two services may have DTO classes with the same name and different content: the later one is renamed. */
function withoutClashes(service: string, document: OpenApi, taken: Record<string, unknown>): OpenApi {
  const clashes = Object.entries(document.components?.['schemas'] ?? {})
    .filter(([name, schema]) => name in taken && JSON.stringify(taken[name]) !== JSON.stringify(schema))
    .map(([name]) => name);
  if (clashes.length === 0) return document;
  let text = JSON.stringify(document);
  const prefix = service.charAt(0).toUpperCase() + service.slice(1);
  for (const name of clashes) {
    text = text.replaceAll(`"#/components/schemas/${name}"`, `"#/components/schemas/${prefix}${name}"`);
  }
  const renamed = JSON.parse(text) as OpenApi;
  const schemas = renamed.components?.['schemas'] ?? {};
  return {
    ...renamed,
    components: {
      ...renamed.components,
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([name, schema]) => [clashes.includes(name) ? prefix + name : name, schema]),
      ),
    },
  };
}

function sorted<T>(named: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(named).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operation: Record<string, unknown>;
}

/** All operations by tag; tags and operations in a stable order. */
export function operationsByTag(document: OpenApi): [string, Operation[]][] {
  const byTag = new Map<string, Operation[]>();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method] as Record<string, unknown> | undefined;
      if (operation === undefined) continue;
      const tag = Array.isArray(operation['tags']) ? String(operation['tags'][0]) : 'other';
      byTag.set(tag, [...(byTag.get(tag) ?? []), { method, path, operation }]);
    }
  }
  return [...byTag].sort(([a], [b]) => (a < b ? -1 : 1));
}
