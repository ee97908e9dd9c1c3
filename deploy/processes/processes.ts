/**
 * `npm run test:processes`: runs the network of docker-compose.yml without a container engine. It checks the compose file and the
 * Dockerfile, assembles the files of the image, and runs every container's own command line as a separate process, with its environment
 * from the compose file, and with a real Kafka and a real PostgreSQL. Then the worked example and a replay of real orders go through the
 * gateway while one process of each kind is killed, and all results must equal those of a single process.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import { openDoor, startKafka, startPostgres, type RunningKafka, type RunningPostgres } from '#libs/servers';
import { DEFINITIONS } from '../local/network/definitions.js';
import { Network } from '../local/network/network.js';
import { writeSandboxFile, type SandboxFile } from '../local/network/sandbox-file.js';
import { readEnvFile, writeComposeEnv } from '../tools/compose-env.js';
import { composeFaults, readCompose, type Compose } from './compose.js';
import { Story, type Figures } from './figures.js';
import { assembleImage, readDockerfile } from './image.js';
import { Container, environmentHere, portsFor, type Addresses } from './machine.js';
import { checkTrace } from './trace.js';

const WORKED_EXAMPLE = { 'brand:aurora': -7_350, 'brand:birch': -3_150, 'brand:crest': 8_475, operator: 2_025 };
/** One process of each kind, and the second of those that have two. */
const VICTIMS = [
  'ledger-1',
  'settlement-1',
  'membership-1',
  'referrals-1',
  'crm',
  'partners',
  'identity',
  'gateway',
  'ledger-2',
  'settlement-2',
  'membership-2',
  'referrals-2',
];

const options = new Command('test:processes')
  .option('--orders <n>', 'number of real orders to replay', '300')
  .option('--keep', 'keep logs and data', false)
  .parse()
  .opts<{ orders: string; keep: boolean }>();

const began = performance.now();
const say = (text: string): void =>
  console.log(`${((performance.now() - began) / 1_000).toFixed(0).padStart(4)} s  ${text}`);

function must(condition: boolean, words: string): asserts condition {
  if (!condition) throw new Error(words);
}

function same(what: string, got: unknown, wanted: unknown): void {
  must(
    isDeepStrictEqual(got, wanted),
    `${what} differs:\n  got    ${JSON.stringify(got)}\n  wanted ${JSON.stringify(wanted)}`,
  );
}

const work = mkdtempSync(join(tmpdir(), 'hezong-processes-'));
const logs = join(work, 'logs');
mkdirSync(logs);
const containers = new Map<string, Container>();
let postgres: RunningPostgres | null = null;
let kafka: RunningKafka | null = null;
let single: Network | null = null;
let image = '';

async function main(): Promise<void> {
  const envFile = join(work, 'compose.env');
  writeComposeEnv(envFile);
  const env = { ...readEnvFile(envFile), TEST_CLOCK: 'true', LOG_LEVEL: 'debug' };
  const faults = composeFaults(readCompose(env));
  must(faults.length === 0, `docker-compose.yml is not valid under the compose specification: ${faults.join('; ')}`);
  const dockerfile = readDockerfile();
  image = assembleImage(dockerfile);
  say('docker-compose.yml and Dockerfile read, files of the image assembled');

  const compose = readCompose(env);
  const known = DEFINITIONS.map(({ name }) => `dist/services/${name}/src/main.js`);
  const absent = Object.entries(compose.services).flatMap(([name, { environment, command }]) =>
    environment?.['PORT'] === undefined || known.includes(command?.[1] ?? '') ? [] : [name],
  );
  if (absent.length > 0) say(`!! NOT RUN, as the network does not have them yet: ${absent.join(', ')}`);
  await withoutVariables(compose, absent);

  const alone = await inOneProcess();
  const apart = await inProcesses(compose, env, absent);
  same('the worked example', apart.example, alone.example);
  same('the nets of the worked example', apart.example['nets'], WORKED_EXAMPLE);
  same('the replay', apart.replay, alone.replay);
  same('the books', apart.books, alone.books);
  say('the same as in one process, to the fen');
}

function isOurs(compose: Compose, name: string): boolean {
  return compose.services[name]?.command?.[0] === 'node';
}

/** An image started without its variables reports every one of them, and does nothing else. */
async function withoutVariables(compose: Compose, absent: readonly string[]): Promise<void> {
  const optional = new Set([
    'HOST',
    'PORT',
    'INSTANCE',
    'LOG_LEVEL',
    'ALLIANCE_ZONE',
    'TEST_CLOCK',
    'BROKER',
    'OPS_PORT',
    'TRUSTED_PROXIES',
    'TOPICS_GROW',
    'VAULT_PEPPER_CURRENT',
  ]);
  const seen = new Set<string>();
  for (const [name, { command, environment }] of Object.entries(compose.services)) {
    const line = (command ?? []).join(' ');
    if (!isOurs(compose, name) || absent.includes(name) || seen.has(line)) continue;
    seen.add(line);
    const container = new Container(`${name}-without-variables`, command ?? [], {}, image, logs);
    const code = await container.run();
    const wanted = Object.keys(environment ?? {}).filter(
      (variable) =>
        !optional.has(variable) &&
        !variable.startsWith('KAFKA_') &&
        !(name === 'gateway' && variable.endsWith('DATABASE_URL')),
    );
    if (name === 'topics') wanted.push('KAFKA_BROKERS');
    // databases of services missing in this tree are not needed
    const silent = wanted.filter(
      (variable) =>
        !container.log.includes(`${variable} is missing`) &&
        !absent.some((other) => variable.startsWith(other.replace(/-\d$/, '').toUpperCase())),
    );
    must(
      code === 1 && silent.length === 0,
      `${name} without variables ended with ${code} and did not name ${silent.join(', ')}: ${container.log}`,
    );
  }
  const nothing = new Container('without-command', ['node', 'dist/deploy/tools/which.js'], {}, image, logs);
  must(
    (await nothing.run()) === 64 && nothing.log.includes('dist/services/ledger/src/main.js'),
    `without a command: ${nothing.log}`,
  );
  say(`${seen.size} command lines without variables: each names all that are missing`);
}

interface Result {
  example: Figures;
  replay: Figures;
  books: Figures;
}

async function inOneProcess(): Promise<Result> {
  single = new Network({
    dataDir: join(work, 'single'),
    door: await openDoor(),
    broker: 'postgres',
    databaseUrl: '',
    kafkaBrokers: '',
    logLevel: 'error',
    say: () => undefined,
    notice: say,
  });
  const sandbox = await single.start();
  const story = new Story(sandbox, single.file, say);
  const example = await story.workedExample();
  const replay = await story.replay(Number(options.orders), () => undefined);
  const books = await story.books();
  await story.close();
  await single.stop();
  single = null;
  say('one process: done');
  return { example, replay, books };
}

async function inProcesses(compose: Compose, env: Record<string, string>, absent: readonly string[]): Promise<Result> {
  const [database, broker] = await Promise.all([
    startPostgres({ dataDir: join(work, 'postgres'), maxConnections: 500 }),
    startKafka({ dataDir: join(work, 'kafka') }),
  ]);
  postgres = database;
  kafka = broker;
  say(`PostgreSQL on ${database.port}, Kafka on ${broker.port}`);
  const addresses: Addresses = {
    ports: await portsFor(compose),
    servers: new Map([
      [`postgres:${env['POSTGRES_PASSWORD'] ?? ''}@`, `postgres:${new URL(database.adminUrl).password}@`],
      ['@postgres:5432', `@127.0.0.1:${database.port}`],
      ['kafka:19092', broker.broker],
    ]),
  };
  // a service missing in this tree is called by no other
  for (const name of absent) addresses.ports.set(name, addresses.ports.get('partners') ?? 0);
  const container = (name: string): Container => {
    const service = compose.services[name];
    must(service?.command !== undefined, `docker-compose.yml has no ${name}`);
    const made = new Container(name, service.command, environmentHere(service, name, addresses), image, logs);
    containers.set(name, made);
    return made;
  };
  for (const name of ['provision', 'migrate', 'topics', 'operator']) {
    const one = container(name);
    must((await one.run()) === 0, `${name} failed: ${one.log}`);
  }
  say('provision, migrate, topics, operator: done');
  const names = Object.keys(compose.services).filter((name) => addresses.ports.has(name) && !absent.includes(name));
  for (const name of names) container(name).start();
  for (const name of names) await containers.get(name)?.ready();
  say(`${names.length} processes ready: ${names.join(', ')}`);

  const operator = JSON.parse(
    containers.get('operator')?.log.trim().split('\n').at(-1) ?? '',
  ) as SandboxFile['operator'];
  const gateway = `http://127.0.0.1:${addresses.ports.get('gateway') ?? 0}`;
  const sandbox: SandboxFile = { gateway, tokenUrl: `${gateway}/oauth/token`, operator, services: {}, brands: [] };
  const file = join(work, 'sandbox.json');
  writeSandboxFile(file, sandbox);
  const story = new Story(sandbox, file, say);
  const example = await story.workedExample();
  say('worked example: done');
  const replay = await replayUnderFire(
    story,
    names.filter((name) => VICTIMS.includes(name)),
  );
  const books = await story.books();
  await checkTrace(sandbox, containers);
  say('one trace: gateway, ledger, Kafka, settlement; metrics and readiness report backlog and lag');
  await story.close();
  for (const name of names.reverse())
    must(
      (await containers.get(name)?.stop()) === 0,
      `${name} did not end cleanly: ${containers.get(name)?.log.slice(-1_500) ?? ''}`,
    );
  say('all ended cleanly on SIGTERM');
  return { example, replay, books };
}

/** Kills processes one after the other during the replay, and starts each again; of two instances one is always running. */
async function replayUnderFire(story: Story, victims: readonly string[]): Promise<Figures> {
  const order = VICTIMS.filter((name) => victims.includes(name));
  const first = order.filter((name) => !name.endsWith('-2'));
  const struck = new Map<string, Promise<void>>();
  let failure: Error | undefined;
  const hit = (name: string): void => {
    struck.set(
      name,
      strike(name).catch((error: unknown) => {
        failure ??= error instanceof Error ? error : new Error(String(error));
      }),
    );
  };
  const replay = await story.replay(Number(options.orders), (done, total) => {
    const next = first[struck.size];
    if (next !== undefined && done >= ((struck.size + 0.5) / (first.length + 1)) * total) hit(next);
  });
  const inTheMiddle = [...struck.keys()];
  await Promise.all(struck.values());
  must(inTheMiddle.length === first.length, `only ${inTheMiddle.join(', ')} were killed in mid-replay`);
  for (const name of order.filter((one) => !first.includes(one))) hit(name);
  await Promise.all(struck.values());
  if (failure !== undefined) throw failure;
  say(`killed and restarted: ${inTheMiddle.join(', ')} in mid-replay, the second instances afterwards`);
  return replay;
}

async function strike(name: string): Promise<void> {
  await containers.get(name)?.crash(400);
  await containers.get(name)?.ready();
}

async function cleanUp(): Promise<void> {
  for (const container of containers.values()) if (container.running) process.kill(container.pid, 'SIGKILL');
  await single?.stop().catch(() => undefined);
  await Promise.all([kafka?.stop(), postgres?.stop()]);
  if (image !== '') rmSync(image, { recursive: true, force: true });
  if (options.keep) say(`logs and data in ${work}`);
  else rmSync(work, { recursive: true, force: true });
}

let failed = false;
const abort = (): void => {
  void cleanUp().finally(() => process.exit(130));
};
process.once('SIGINT', abort);
process.once('SIGTERM', abort);
try {
  await main();
} catch (error) {
  failed = true;
  console.error(error);
  for (const { name, running, logFile } of containers.values()) {
    const tail = readFileSync(logFile, 'utf8')
      .split('\n')
      .filter((line) => !line.includes('"level":"debug"'))
      .slice(-6)
      .join('\n');
    if (tail !== '') console.error(`--- ${name}${running ? '' : ' (ended)'}\n${tail}`);
  }
} finally {
  await cleanUp();
}
process.exit(failed ? 1 : 0);
