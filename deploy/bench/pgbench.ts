import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { withDatabase } from '#libs/postgres';

const run = promisify(execFile);
const DATABASE = 'hezong_pgbench';
const SCALE = 50;

/** Path of pgbench: on the PATH, or in a distribution's own directory. */
export function findPgbench(path: string): string {
  const distributions = '/usr/lib/postgresql';
  const versions = existsSync(distributions) ? readdirSync(distributions).sort((a, b) => Number(b) - Number(a)) : [];
  const places = [...path.split(delimiter), ...versions.map((version) => join(distributions, version, 'bin'))];
  const found = places.map((place) => join(place, 'pgbench')).find((file) => existsSync(file));
  if (found === undefined) {
    throw new Error(
      'pgbench is not on the PATH nor under /usr/lib/postgresql. It comes with PostgreSQL: on Debian in the package postgresql-contrib or postgresql-15.',
    );
  }
  return found;
}

/** The reference measurement: TPC-B-like, scale 50, 16 clients, prepared statements, on the server under test. */
export class Pgbench {
  private readonly url: string;

  constructor(
    private readonly binary: string,
    private readonly adminUrl: string,
  ) {
    this.url = withDatabase(adminUrl, DATABASE);
  }

  async prepare(): Promise<void> {
    const client = new pg.Client({ connectionString: this.adminUrl });
    await client.connect();
    try {
      await client.query(`drop database if exists ${DATABASE} with (force)`);
      await client.query(`create database ${DATABASE}`);
    } finally {
      await client.end();
    }
    await run(this.binary, ['-i', '-q', '-s', String(SCALE), this.url]);
  }

  async measure(seconds: number): Promise<number> {
    const { stdout } = await run(this.binary, [
      '-M',
      'prepared',
      '-c',
      '16',
      '-j',
      '2',
      '-n',
      '-T',
      String(seconds),
      this.url,
    ]);
    const tps = /tps = ([\d.]+)/.exec(stdout)?.[1];
    if (tps === undefined) throw new Error(`unexpected output of pgbench:\n${stdout}`);
    return Number(tps);
  }
}
