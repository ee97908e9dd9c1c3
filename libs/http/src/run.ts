import { KEPT_IDLE_MS } from '#libs/auth';
import { ConfigError } from '#libs/config';
import { migrateService, startService } from './start.js';
import type { AnyServiceDefinition } from './service.js';

const PATIENCE_MS = 15_000;
/** How long a stopping process keeps idle connections: longer than any caller in the network does. */
export const STOP_IDLE_MS = KEPT_IDLE_MS + 1_000;

/**
 * Runs one service as this process: `main.ts` of every service. With the argument `migrate` it brings the database up to
 * date and exits. SIGINT and SIGTERM let running calls finish; calls longer than 15 seconds are cut off, and their callers repeat
 * them with the same key.
 */
export function run(definition: AnyServiceDefinition): void {
  const work = process.argv[2] === 'migrate' ? migrateOnly(definition) : serve(definition);
  work.catch((error: unknown) => {
    process.stderr.write(`${wordsOf(error)}\n`);
    process.exit(1);
  });
}

async function migrateOnly(definition: AnyServiceDefinition): Promise<void> {
  const ran = await migrateService(definition);
  process.stdout.write(`${definition.name}: ${ran.length === 0 ? 'up to date' : ran.join(', ')}\n`);
}

async function serve(definition: AnyServiceDefinition): Promise<void> {
  // a signal during the start lets it start, then stops it
  const starting = startService(definition);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), PATIENCE_MS).unref();
    starting
      .then((service) => service.close(STOP_IDLE_MS))
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const service = await starting;
  process.stdout.write(`${definition.name} listens on ${service.url}\n`);
}

/** Environment faults are shown to the people who run the service, without the place in the code. */
function wordsOf(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
