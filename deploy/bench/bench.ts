import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import pg from 'pg';
import { migrate, provision } from '#libs/postgres';
import { startPostgres } from '#libs/servers';
import { migrations } from '../../services/ledger/migrations/index.js';
import type { BenchCase, BenchContext, BenchSuite } from './cases.js';
import { compare } from './compare.js';
import { httpSuite } from './http-suite.js';
import { ledgerSuite } from './ledger-suite.js';
import { cpuMeter } from './cpu.js';
import type { CpuTimes } from './cpu.js';
import { findPgbench, Pgbench } from './pgbench.js';
import { document, isMet, median, table } from './report.js';
import type { Line, Round } from './report.js';

/**
 * Measures everything, one suite after the other, each built once on the server that pgbench measures too. The network comes first: after
 * the ledger's own cases it would have to process all their postings before it is ready.
 */
const SUITES: readonly ((context: BenchContext) => Promise<BenchSuite>)[] = [
  (context) => httpSuite(context),
  ledgerSuite,
];

/** Heading from which on a page is kept. */
const BY_HAND = '\n## Beside the bench';

interface Options {
  rounds: string;
  seconds: string;
  only?: string;
  write?: string;
  against?: string;
}

const options = new Command('npm run bench --')
  .description(
    'Measures the ledger as ratios to pgbench in the same run on the same server. DATABASE_URL (a superuser) uses your own server.',
  )
  .option('--rounds <n>', 'measurements of each case', '3')
  .option('--seconds <n>', 'seconds of each measurement', '5')
  .option('--only <text>', 'only cases whose name contains this')
  .option('--write <file>', 'also write the report to this file')
  .option('--against <directory>', 'instead, only the HTTP cases: in turns with another checkout that is built')
  .parse()
  .opts<Options>();

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function withServer(given: string | undefined, work: (adminUrl: string) => Promise<boolean>): Promise<boolean> {
  if (given !== undefined) return work(given);
  const server = await startPostgres({ sharedBuffers: '1GB' });
  try {
    return await work(server.adminUrl);
  } finally {
    await server.stop();
  }
}

/** Creates the ledger's database; returns the server's version. */
async function freshLedger(adminUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  const { rows } = await client.query<{ version: string }>(
    `select 'PostgreSQL ' || current_setting('server_version') as version`,
  );
  const taken = await client.query(`select from pg_database where datname = 'hezong_ledger'`);
  await client.end();
  // a bench never deletes existing books
  if (taken.rowCount !== 0)
    throw new Error('The server of DATABASE_URL has a database hezong_ledger already: give the bench an empty server.');
  const { migrationUrl } = await provision(adminUrl, 'ledger');
  await migrate(migrationUrl, migrations);
  return rows[0]?.version ?? 'PostgreSQL';
}

async function measure(adminUrl: string): Promise<boolean> {
  const seconds = Number(options.seconds);
  const pgbench = new Pgbench(findPgbench(process.env['PATH'] ?? ''), adminUrl);
  say('Preparing pgbench (scale 50) and the ledger (20,000 members with 5 lots each) …');
  await pgbench.prepare();
  const server = await freshLedger(adminUrl);
  const lines: { case: BenchCase; rounds: Round[] }[] = [];
  const cpu = await cpuMeter(adminUrl);
  const bases: number[] = [await pgbench.measure(seconds)];
  for (const build of SUITES) {
    // a network sets its own passwords for the roles
    const { databaseUrl } = await provision(adminUrl, 'ledger');
    const suite = await build({ adminUrl, ledgerUrl: databaseUrl, seconds });
    try {
      const chosen = suite.cases.filter((each) => options.only === undefined || each.name.includes(options.only));
      const added = chosen.map((each) => ({ case: each, rounds: [] as Round[] }));
      lines.push(...added);
      for (let round = 1; round <= Number(options.rounds); round += 1) {
        for (const line of added) {
          const from = cpu?.();
          const measured = await line.case.run();
          const to = cpu?.();
          const before = bases.at(-1) ?? 0;
          const after = await pgbench.measure(seconds);
          bases.push(after);
          line.rounds.push({ base: (before + after) / 2, measured, cpu: perEffect(from, to, measured.count) });
          say(`round ${round}: ${line.case.name}: ${measured.perSecond.toFixed(0)}/s, pgbench ${after.toFixed(0)}/s`);
        }
      }
    } finally {
      await suite.close();
    }
  }
  return report(lines, median(bases), seconds, server);
}

function perEffect(from: CpuTimes | undefined, to: CpuTimes | undefined, effects: number): CpuTimes | null {
  if (from === undefined || to === undefined) return null;
  const each = (key: keyof CpuTimes): number => ((to[key] - from[key]) * 1_000) / effects;
  return { server: each('server'), services: each('services') };
}

/** The hand-written part of the page. */
function keptOf(file: string): string {
  if (!existsSync(file)) return '';
  const page = readFileSync(file, 'utf8');
  const from = page.indexOf(BY_HAND);
  return from < 0 ? '' : page.slice(from);
}

function report(lines: readonly Line[], base: number, seconds: number, server: string): boolean {
  say(`\n${table(lines, base)}`);
  if (options.write !== undefined)
    writeFileSync(
      options.write,
      document(lines, base, Number(options.rounds), seconds, server) + keptOf(options.write),
    );
  return lines.every(isMet);
}

if (options.against !== undefined) {
  await compare(options.against, Number(options.rounds), Number(options.seconds), say);
  process.exit(0);
}
// a missed target is a finding, not a crash: the exit code reports it
if (!(await withServer(process.env['DATABASE_URL'], measure))) process.exitCode = 1;
