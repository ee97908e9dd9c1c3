import type { z } from 'zod';

/** One environment variable. */
export interface Field<T> {
  variable: string;
  type: z.ZodType<T>;
  /** Text used when the variable is absent; without it the variable is required. */
  default?: string;
  /** The value is never shown: not in faults, logs or docs. */
  secret?: boolean;
  /** One line for the configuration table. */
  doc: string;
}

export type Fields = Record<string, Field<unknown>>;

export interface ConfigSchema<F extends Fields = Fields> {
  name: string;
  fields: F;
}

export type ConfigOf<S> =
  S extends ConfigSchema<infer F> ? { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never } : never;

export type Environment = Readonly<Record<string, string | undefined>>;

/** All faults of an environment in one message, without the values of secrets. */
export class ConfigError extends Error {
  constructor(
    service: string,
    readonly faults: readonly string[],
  ) {
    super(
      `${service} cannot start, ${faults.length} fault(s) in its environment:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

export function field<T>(
  variable: string,
  type: z.ZodType<T>,
  doc: string,
  options: { default?: string; secret?: boolean } = {},
): Field<T> {
  return { variable, type, doc, ...options };
}

export function defineConfig<F extends Fields>(name: string, fields: F): ConfigSchema<F> {
  return { name, fields };
}

/**
 * Reads and checks every variable and reports all faults at once.
 * @throws ConfigError
 */
export function loadConfig<F extends Fields>(
  schema: ConfigSchema<F>,
  env: Environment = process.env,
): ConfigOf<ConfigSchema<F>> {
  const faults: string[] = [];
  // a variable read by two fields is reported once
  const blame = (variable: string, words: string): void => {
    if (!faults.some((fault) => fault.startsWith(`${variable} `))) faults.push(`${variable} ${words}`);
  };
  const values = Object.entries(schema.fields).map(([key, spec]) => {
    const given = env[spec.variable];
    const raw = given === undefined || given === '' ? spec.default : given;
    if (raw === undefined) {
      blame(spec.variable, `is missing: ${spec.doc}`);
      return [key, undefined];
    }
    const parsed = spec.type.safeParse(raw);
    if (!parsed.success) {
      const shown = spec.secret === true ? '(secret)' : JSON.stringify(raw);
      blame(spec.variable, `is ${shown}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`);
      return [key, undefined];
    }
    return [key, parsed.data];
  });
  if (faults.length > 0) throw new ConfigError(schema.name, faults);
  return Object.freeze(Object.fromEntries(values)) as ConfigOf<ConfigSchema<F>>;
}

/** A copy for logs: secrets are replaced. */
export function redacted<F extends Fields>(
  schema: ConfigSchema<F>,
  config: ConfigOf<ConfigSchema<F>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, schema.fields[key]?.secret === true ? '(secret)' : value]),
  );
}
