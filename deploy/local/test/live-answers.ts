import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { projectRoot } from '../network/root.js';

interface Media {
  schema?: object;
}
interface Operation {
  responses: Record<string, { content?: Record<string, Media> }>;
}
interface Route {
  readonly name: string;
  readonly method: string;
  readonly path: RegExp;
  readonly operation: Operation;
}

/** Closes all objects that declare their members, so that further members of an answer are faults; a problem may have more members. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const parts = Object.fromEntries(Object.entries(schema).map(([word, part]) => [word, closed(part)]));
  return 'properties' in parts && !('additionalProperties' in parts)
    ? { ...parts, additionalProperties: false }
    : parts;
}

/** Checks every answer that a suite gets from the network against docs/openapi.json. */
export class LiveAnswers {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly checks = new Map<object, ValidateFunction>();
  private readonly routes: readonly Route[];
  private readonly answered = new Set<string>();
  private readonly faults = new Map<string, string>();
  private readonly pending: Promise<void>[] = [];
  private readonly fetch = globalThis.fetch;

  constructor() {
    const { paths, components } = JSON.parse(readFileSync(join(projectRoot(), 'docs/openapi.json'), 'utf8')) as {
      paths: Record<string, Record<string, Operation>>;
      components: { schemas: Record<string, object> };
    };
    addFormats.default(this.ajv);
    const { Problem, ...schemas } = components.schemas;
    this.ajv.addSchema({ $id: 'hezong', components: { schemas: { ...(closed(schemas) as object), Problem } } });
    this.routes = Object.entries(paths)
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({
          name: `${method.toUpperCase()} ${path}`,
          method: method.toUpperCase(),
          path: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '([^/]+)')}$`),
          operation,
        })),
      )
      // a literal path takes precedence over one with a parameter
      .sort((a, b) => parametersOf(a.name) - parametersOf(b.name));
  }

  /** Starts to record answers. */
  watch(): void {
    globalThis.fetch = async (input, init) => {
      const answer = await this.fetch(input, init);
      const asked = input instanceof Request ? input : new Request(input, { method: init?.method ?? 'GET' });
      this.pending.push(this.see(asked.method, new URL(asked.url).pathname, answer.clone()));
      return answer;
    };
  }

  /** The operations at which no call has succeeded so far. */
  async unanswered(): Promise<string[]> {
    await Promise.all(this.pending);
    return this.routes.map(({ name }) => name).filter((name) => !this.answered.has(name));
  }

  /** Answers that differ from the document. */
  async end(): Promise<string[]> {
    globalThis.fetch = this.fetch;
    await Promise.all(this.pending);
    return [...this.faults].map(([what, where]) => `${what} (${where})`);
  }

  private async see(method: string, path: string, answer: Response): Promise<void> {
    const route = this.routes.find((one) => one.method === method && one.path.test(path));
    // a body that its reader cut off cannot be checked
    const text = await answer.text().catch(() => null);
    if (route === undefined || text === null) return;
    const fault = this.faultOf(route, answer, text);
    if (fault !== null) this.faults.set(`${route.name} ${answer.status}: ${fault}`, text.slice(0, 300));
    else if (answer.status < 400 || answer.redirected) this.answered.add(route.name);
  }

  private faultOf({ operation }: Route, answer: Response, text: string): string | null {
    if (answer.redirected) return null;
    const told =
      operation.responses[`${answer.status}`] ?? (answer.status >= 400 ? operation.responses['default'] : null);
    if (told === null || told === undefined) return 'the status is not documented';
    const type = answer.headers.get('content-type')?.split(';', 1)[0] ?? '';
    const media = told.content?.[type];
    if (media === undefined) return told.content === undefined && text === '' ? null : `${type} is not documented`;
    if (media.schema === undefined || !/[/+]json$/.test(type)) return null;
    const check = this.checkOf(media.schema);
    return check(JSON.parse(text)) ? null : this.ajv.errorsText(check.errors);
  }

  private checkOf(schema: object): ValidateFunction {
    let check = this.checks.get(schema);
    if (check === undefined) {
      const text = JSON.stringify(closed(schema)).replaceAll('"#/components', '"hezong#/components');
      check = this.ajv.compile(JSON.parse(text) as object);
      this.checks.set(schema, check);
    }
    return check;
  }
}

function parametersOf(path: string): number {
  return path.split('{').length;
}

/** Last test of the suite: all its answers matched the document. */
export function liveAnswers(answers: () => LiveAnswers): void {
  it('answers as its document says', async () => {
    expect(await answers().end()).toEqual([]);
  });
}
