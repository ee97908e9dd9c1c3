/** `npm run help`: every script with a line. `--check` fails when a script has none, or a line has no script. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = {
  start: 'run the whole network with a sandbox alliance; -- --help lists the options',
  dev: 'a network whose services restart when their source is saved; accepts the options of start, -- --no-empty fills it',
  debug: 'the same, with an inspector on 127.0.0.1:9229',
  replay: 'send a file of orders through a running network: -- --orders FILE',
  test: 'everything that must hold, on real PostgreSQL and real Kafka',
  'test:processes':
    'what the images would run, as processes beside real Kafka and PostgreSQL, killed one by one; -- --orders N',
  'test:chaos':
    'tills at work while servers and services are killed, stopped and disconnected; -- --seed N --seconds N --short',
  'compose:env': 'generate the secrets of docker-compose.yml in .hezong/compose.env',
  build: 'compile to dist/ (start, replay and test do this themselves)',
  check: 'every check below that runs nothing; names what failed',
  typecheck: 'types only',
  lint: 'ESLint, type-aware',
  format: 'format with Prettier',
  'check:format': 'fail on files that Prettier would change',
  'check:imports': 'fail on an import that the table of the design does not allow',
  'check:unused': 'fail on unused files, exports and dependencies',
  'check:features': 'fail when docs/features.md names a missing file or lacks a row',
  'check:translations':
    'fail when a Chinese document lacks a section or its English has changed since; -- --accept FILE once it is up to date',
  'check:chart': 'lint and render the chart with Helm, compare it with Kubernetes’ schemas and the calls in the code',
  'check:help': 'fail when a script has no line here',
  gen: 'generate everything, in order',
  'check:gen': 'fail when anything generated is stale',
  'gen:proto': 'generate code from the event schemas',
  'check:proto': 'lint the event schemas, compare them with the baseline, fail when generated code is stale',
  'baseline:proto': 'accept the current event schemas as the new baseline',
  'gen:errors': 'write docs/errors, one page for each error code',
  'check:errors': 'fail when docs/errors is stale',
  'gen:openapi': 'write docs/openapi.json, the API document of the whole network',
  'check:openapi': 'fail when docs/openapi.json is stale',
  'gen:sdk': 'generate the client of libs/sdk from docs/openapi.json',
  'check:sdk': 'fail when the client is stale',
  'gen:asyncapi': 'write docs/asyncapi.json, the document of all topics and events',
  'check:asyncapi': 'fail when docs/asyncapi.json is stale',
  'gen:config': 'write docs/configuration.md, the table of environment variables',
  'check:config': 'fail when docs/configuration.md is stale',
  'gen:schema': 'write services/*/schema, each database after its migrations',
  'check:schema': 'fail when services/*/schema is stale',
  events: 'parked keys and dead letters of a service: list, show, replay, discard',
  'verify:day': 'for a seller or auditor: a day’s commissions against the published roots; -- --help',
  bench: 'ratios to pgbench on the same server; figures in docs/performance.md',
  help: 'this list',
};

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const names = Object.keys(scripts).filter((name) => !/^(pre|post)/.test(name));
const silent = names.filter((name) => HELP[name] === undefined);

if (process.argv.includes('--check')) {
  const gone = Object.keys(HELP).filter((name) => scripts[name] === undefined);
  for (const name of silent) console.error(`npm run ${name} has no line in deploy/tools/help.mjs`);
  for (const name of gone) console.error(`deploy/tools/help.mjs has a line for "${name}", which is no script`);
  process.exit(silent.length + gone.length === 0 ? 0 : 1);
}

const width = Math.max(...names.map((name) => name.length)) + 2;
const rank = (name) => (Object.keys(HELP).indexOf(name) + 1000) % 1000;
console.log('npm run …\n');
for (const name of names.sort((a, b) => rank(a) - rank(b))) console.log(`  ${name.padEnd(width)}${HELP[name] ?? ''}`);
