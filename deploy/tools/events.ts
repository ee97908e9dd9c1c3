/** Operator command for parked keys and dead letters of one service: `npm run events -- --help`. */
import { Command } from 'commander';
import { z } from 'zod';
import { defineConfig, field, kafkaFields, loadConfig, oneOf } from '#libs/config';
import { discard, listParked, release, rewindGroup, showParked, type ParkedFilter } from '#libs/messaging';

interface Selection {
  group?: string;
  topic?: string;
  key?: string;
  id?: string;
  all?: boolean;
}

function databaseUrl(): string {
  const url = program.opts<{ database?: string }>().database ?? process.env['DATABASE_URL'];
  if (url === undefined) throw new Error('name the service’s database: --database URL or DATABASE_URL');
  return url;
}

function filterOf({ group, topic, key, id }: Selection): ParkedFilter {
  return {
    ...(group === undefined ? {} : { group }),
    ...(topic === undefined ? {} : { topic }),
    ...(key === undefined ? {} : { key }),
    ...(id === undefined ? {} : { id }),
  };
}

/** A forgotten option must not replay or discard anything. */
function deliberate(selection: Selection): ParkedFilter {
  const filter = filterOf(selection);
  if (Object.keys(filter).length === 0 && selection.all !== true) throw new Error('select records, or say --all');
  return filter;
}

function selecting(command: Command): Command {
  return command
    .option('--group <group>', 'consumer group')
    .option('--topic <topic>', 'topic')
    .option('--key <key>', 'key of the records')
    .option('--id <id>', 'one record, as listed');
}

/** The log with the service's own access. */
const logSchema = defineConfig('events', {
  broker: field('BROKER', oneOf('kafka', 'postgres'), 'Event log to use.', { default: 'kafka' }),
  ...kafkaFields(),
  logDatabaseUrl: field('LOG_DATABASE_URL', z.string(), 'Database of the event log; needed when BROKER is postgres.', {
    default: '',
    secret: true,
  }),
});

const print = (text: string): void => void process.stdout.write(`${text}\n`);

const program = new Command('events')
  .description('Parked keys and dead letters of one service.')
  .option('--database <url>', 'database of the service (default: DATABASE_URL)');

selecting(program.command('list').description('records that wait for an operator, oldest first')).action(
  async (selection: Selection) => {
    const items = await listParked(databaseUrl(), filterOf(selection));
    for (const item of items) {
      print(
        [
          item.id,
          item.releasing ? 'releasing' : item.kind,
          item.group,
          `${item.topic}/${item.partition}@${item.offset}`,
          `key=${item.key}`,
          `tries=${item.attempts}`,
          item.lastFailedAt.toISOString(),
          `${item.errorCode}: ${item.errorMessage}`,
        ].join('  '),
      );
    }
    print(`${items.length} record(s)`);
  },
);

program
  .command('show <id>')
  .description('one record with headers and body')
  .action(async (id: string) => {
    const item = await showParked(databaseUrl(), id);
    if (item === null) throw new Error(`no record ${id}`);
    print(JSON.stringify(item, null, 2));
  });

selecting(program.command('replay').description('deliver records to their consumer again; parked keys in order'))
  .option('--all', 'everything')
  .action(async (selection: Selection) => {
    const count = await release(databaseUrl(), deliberate(selection));
    print(`${count} released; the running service handles them now, and those that fail again stay listed`);
  });

selecting(program.command('discard').description('discard dead letters forever; events are set aside over the API'))
  .option('--all', 'everything')
  .action(async (selection: Selection) => {
    print(`${await discard(databaseUrl(), deliberate(selection))} record(s) discarded`);
  });

program
  .command('rewind <group> <topics...>')
  .description('reset a stopped group to the start of its topics')
  .option('--forget-inbox', 'handle every event again, not only those missing in the inbox')
  .action(async (group: string, topics: string[], options: { forgetInbox?: boolean }) => {
    const log = loadConfig(logSchema);
    if (log.broker === 'kafka' ? log.kafkaBrokers.length === 0 : log.logDatabaseUrl === '')
      throw new Error(
        'name the log as its services do: BROKER=kafka with KAFKA_BROKERS, or BROKER=postgres with LOG_DATABASE_URL',
      );
    await rewindGroup({ ...log, databaseUrl: databaseUrl() }, group, topics, options);
    print(`${group} reads ${topics.join(', ')} from the start when it runs again`);
  });

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`events: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
