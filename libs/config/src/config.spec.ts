import {
  ConfigError,
  databaseUrl,
  defineConfig,
  field,
  firstUrl,
  flag,
  integer,
  list,
  loadConfig,
  redacted,
  serviceFields,
  text,
  urlList,
  zone,
} from './index.js';

const schema = defineConfig('demo', {
  size: field('SIZE', integer(1, 10), 'A size.', { default: '3' }),
  key: field('KEY', text, 'A key.', { secret: true }),
  on: field('ON', flag, 'A switch.', { default: 'false' }),
  names: field('NAMES', list, 'Names.', { default: '' }),
  zone: field('ZONE', zone, 'A zone.', { default: 'UTC' }),
});

describe('loadConfig', () => {
  it('returns typed values and defaults', () => {
    expect(loadConfig(schema, { KEY: 'k', NAMES: 'a, b,,c' })).toEqual({
      size: 3,
      key: 'k',
      on: false,
      names: ['a', 'b', 'c'],
      zone: 'UTC',
    });
  });

  it('reports all faults of all variables together', () => {
    let caught: unknown;
    try {
      loadConfig(schema, { SIZE: '11', ON: 'yes', ZONE: 'Mars/Base' });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(ConfigError);
    expect((caught as ConfigError).faults.map((fault) => fault.split(' ')[0])).toEqual(['SIZE', 'KEY', 'ON', 'ZONE']);
  });

  it('reads several instances from one variable, and reports its fault once', () => {
    const peers = defineConfig('demo', {
      any: field('PEER_URL', firstUrl, 'Where a peer is.'),
      all: field('PEER_URL', urlList, 'Every one.'),
    });
    expect(loadConfig(peers, { PEER_URL: 'http://a:1, http://b:2' })).toEqual({
      any: 'http://a:1',
      all: ['http://a:1', 'http://b:2'],
    });
    for (const wrong of ['', 'http://a:1,', 'a b']) {
      expect(() => loadConfig(peers, { PEER_URL: wrong })).toThrow(/1 fault\(s\)/);
    }
  });

  it('never shows a secret', () => {
    const strict = defineConfig('demo', { key: field('KEY', integer(1, 2), 'A key.', { secret: true }) });
    expect(() => loadConfig(strict, { KEY: 'hunter2' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
    expect(redacted(schema, loadConfig(schema, { KEY: 'hunter2' }))).toMatchObject({ key: '(secret)', size: 3 });
  });

  it('treats an empty variable as absent', () => {
    expect(() => loadConfig(schema, { KEY: '' })).toThrow(/KEY is missing/);
  });

  it('accepts TLS to a database only if the server is verified', () => {
    const own = defineConfig('demo', { database: field('DATABASE_URL', databaseUrl, 'A database.', { secret: true }) });
    const load = (query: string) => (): unknown =>
      loadConfig(own, { DATABASE_URL: `postgres://u:p@db:5432/d${query}` });
    for (const fine of ['', '?sslmode=disable', '?sslmode=verify-full&sslrootcert=/ca.pem'])
      expect(load(fine)).not.toThrow();
    for (const weak of ['require', 'prefer', 'allow', 'no-verify', 'verify-ca', ''])
      expect(load(`?sslmode=${weak}`)).toThrow('neither disable nor verify-full');
  });

  it('hides every database URL of a service', () => {
    const fields = serviceFields();
    for (const spec of [fields.databaseUrl, fields.migrationUrl, fields.logDatabaseUrl, fields.internalSigningKey])
      expect(spec.secret).toBe(true);
  });
});
