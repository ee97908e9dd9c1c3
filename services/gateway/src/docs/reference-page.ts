import { escape, inline, page } from './html.js';
import { operationsByTag } from './openapi.js';
import type { OpenApi, Operation } from './openapi.js';

type Json = Record<string, unknown>;

/** A value that should be text but may be anything. */
function text(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}

/** Renders the document as one page that can be read, searched and printed. */
export function referencePage(document: OpenApi): string {
  const groups = operationsByTag(document);
  const nav = groups
    .map(([tag, operations]) => `<h2>${escape(tag)}</h2>${operations.map(navLine).join('')}`)
    .join('');
  const body = groups
    .map(([tag, operations]) => `<h2 id="${anchor(tag)}">${escape(tag)}</h2>${operations.map((o) => section(document, o)).join('')}`)
    .join('');
  return page(
    document.info.title,
    `<div class="layout"><nav><strong>${escape(document.info.title)}</strong><br><a href="/docs/openapi.json">openapi.json</a><a href="/docs/errors">Error codes</a>${nav}</nav>` +
      `<main><h1>${escape(document.info.title)} API</h1><p>${inline(document.info.description ?? '')}</p>${body}</main></div>`,
  );
}

function anchor(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

function idOf({ method, path }: Operation): string {
  return anchor(`${method}-${path}`);
}

function navLine(operation: Operation): string {
  const summary = text(operation.operation['summary'], operation.path);
  return `<a href="#${idOf(operation)}" title="${escape(operation.path)}">${escape(summary)}</a>`;
}

function section(document: OpenApi, one: Operation): string {
  const { operation } = one;
  return (
    `<section id="${idOf(one)}"><h3><span class="verb">${one.method.toUpperCase()}</span>${escape(one.path)}</h3>` +
    `<p>${inline(text(operation['summary']))}${scopes(operation)}</p>` +
    (operation['description'] === undefined ? '' : `<p class="soft">${inline(text(operation['description']))}</p>`) +
    parameters(operation) +
    bodyOf(document, operation) +
    responses(document, operation) +
    '</section>'
  );
}

function scopes(operation: Json): string {
  const security = (operation['security'] ?? []) as Record<string, string[]>[];
  const names = security.flatMap((requirement) => Object.values(requirement).flat());
  return names.length === 0 ? '' : ` <span class="soft">needs</span> ${names.map((n) => `<code>${escape(n)}</code>`).join(' ')}`;
}

function parameters(operation: Json): string {
  const list = (operation['parameters'] ?? []) as Json[];
  if (list.length === 0) return '';
  const rows = list.map(
    (p) =>
      `<tr><td><code>${escape(text(p['name']))}</code></td><td class="soft">${escape(text(p['in']))}${p['required'] === true ? '' : ', optional'}</td><td>${inline(text(p['description']))}</td></tr>`,
  );
  return `<table>${rows.join('')}</table>`;
}

function bodyOf(document: OpenApi, operation: Json): string {
  const content = ((operation['requestBody'] as Json | undefined)?.['content'] ?? {}) as Record<string, Json>;
  return Object.entries(content)
    .map(([type, media]) => {
      const schema = resolve(document, media['schema']);
      const example = media['example'] ?? exampleOf(document, schema);
      return `<details open><summary>Body, ${escape(type)}</summary>${fields(document, schema)}<pre>${escape(JSON.stringify(example ?? null, null, 2))}</pre></details>`;
    })
    .join('');
}

function responses(document: OpenApi, operation: Json): string {
  const all = (operation['responses'] ?? {}) as Record<string, Json>;
  return Object.entries(all)
    .map(([status, response]) => {
      const content = (response['content'] ?? {}) as Record<string, Json>;
      const example = Object.values(content)
        .map((media) => media['example'] ?? firstExample(media['examples']) ?? exampleOf(document, resolve(document, media['schema'])))
        .find((value) => value !== undefined && value !== null);
      const shown = example === undefined ? '' : `<pre>${escape(JSON.stringify(example, null, 2))}</pre>`;
      return `<details><summary><strong>${escape(status)}</strong> ${inline(text(response['description']))}</summary>${shown}</details>`;
    })
    .join('');
}

function firstExample(examples: unknown): unknown {
  const first = Object.values((examples ?? {}) as Record<string, Json>)[0];
  return first?.['value'];
}

function resolve(document: OpenApi, schema: unknown): Json {
  const reference = (schema as Json | undefined)?.['$ref'];
  if (typeof reference !== 'string') return (schema ?? {}) as Json;
  return (document.components?.['schemas']?.[reference.split('/').at(-1) ?? ''] ?? {}) as Json;
}

function fields(document: OpenApi, schema: Json): string {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Json>);
  if (properties.length === 0) return '';
  const required = new Set((schema['required'] ?? []) as string[]);
  const rows = properties.map(([name, property]) => {
    const resolved = resolve(document, property);
    const type = typeOf(resolved);
    return `<tr><td><code>${escape(name)}</code></td><td class="soft">${escape(type)}${required.has(name) ? '' : ', optional'}</td><td>${inline(text(property['description']))}</td></tr>`;
  });
  return `<table>${rows.join('')}</table>`;
}

/** The type of a value in one word. Nullable fields are marked "optional" elsewhere. */
function typeOf(schema: Json): string {
  const { type } = schema;
  const known: unknown = Array.isArray(type) ? type.find((each) => each !== 'null') : type;
  return text(known, schema['properties'] === undefined ? '' : 'object');
}

/** Builds an example from the examples of a schema's fields. */
function exampleOf(document: OpenApi, schema: Json, depth = 0): unknown {
  if (depth > 6) return undefined;
  if (schema['example'] !== undefined) return schema['example'];
  if (schema['type'] === 'array') {
    const item = exampleOf(document, resolve(document, schema['items']), depth + 1);
    return item === undefined ? [] : [item];
  }
  const properties = schema['properties'] as Record<string, Json> | undefined;
  if (properties === undefined) return (schema['enum'] as unknown[] | undefined)?.[0];
  return Object.fromEntries(
    Object.entries(properties)
      .map(([name, property]) => [name, property['example'] ?? exampleOf(document, resolve(document, property), depth + 1)])
      .filter(([, value]) => value !== undefined),
  );
}
