import pg from 'pg';

const INT8 = 20;
const DATE = 1082;
const INT8_ARRAY = 1016;

/**
 * Reads int8 as bigint: points and money are never floats, and a count beyond 2^53 is never rounded. A date stays text, independent of the
 * process's time zone. All other types are read as `pg` does.
 */
export const pgTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary') {
      if (oid === INT8) return (value: string): bigint => BigInt(value);
      if (oid === DATE) return (value: string): string => value;
      if (oid === INT8_ARRAY) {
        return (value: string): (bigint | null)[] =>
          value === '{}'
            ? []
            : value
                .slice(1, -1)
                .split(',')
                .map((item) => (item === 'NULL' ? null : BigInt(item)));
      }
    }
    // `pg` types the two formats as overloads, which a union does not match
    const known = pg.types.getTypeParser as (id: number, of?: string) => (value: string) => unknown;
    return known(oid, format);
  },
};

/** Timeouts of a session, so that no lock and no idle transaction lasts without limit. Milliseconds. */
export const SESSION_LIMITS = {
  statement_timeout: 30_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 30_000,
} as const;

/**
 * A connection that may be lost at any time: `pg` and its pool leave it without a listener for moments, and an error that nobody hears ends
 * the process. The query under way, or else the next one, reports the loss to its caller.
 */
export class Connection extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

/** A single connection for hot paths and workers, with the project's types and limits. */
export function createClient(url: string, applicationName: string): pg.Client {
  return new Connection({
    connectionString: url,
    application_name: applicationName,
    types: pgTypes,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    ...SESSION_LIMITS,
  });
}

/** Connects a client for the work and ends it afterwards. A URL gives a client without the project's types and limits. */
export async function withClient<T>(of: string | pg.Client, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = typeof of === 'string' ? new Connection({ connectionString: of }) : of;
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A pool with the project's types and limits, separate from TypeORM's. */
export function createPool(url: string, applicationName: string, max: number): pg.Pool {
  const options: pg.PoolConfig & { Client: typeof Connection } = {
    Client: Connection,
    connectionString: url,
    application_name: applicationName,
    types: pgTypes,
    keepAlive: true,
    max,
    connectionTimeoutMillis: 5_000,
    ...SESSION_LIMITS,
  };
  const pool = new pg.Pool(options);
  // a broken idle connection is replaced at the next use
  pool.on('error', () => undefined);
  return pool;
}
