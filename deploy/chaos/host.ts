/** One machine of a short run: several services in one process, each with an environment of its own (HOSTED: `[[name, environment], …]`). */
import { startService, type RunningService } from '#libs/http';
import { definitionOf } from '../local/network/definitions.js';

/** How long nobody reads the partitions of a process that was killed: a third of what it is otherwise, as a short run does not wait. */
const SESSION_MS = 10_000;

const hosted = JSON.parse(process.env['HOSTED'] ?? '[]') as [string, Record<string, string>][];
const running: RunningService[] = [];

process.once('SIGTERM', () => {
  void Promise.allSettled(running.reverse().map((service) => service.close())).then(() => process.exit(0));
});
for (const [name, env] of hosted) {
  const definition = definitionOf(name);
  const setup: typeof definition.setup = async (app, config) => {
    Object.assign(config, { leaseMs: SESSION_MS });
    await definition.setup?.(app, config);
  };
  running.push(await startService({ ...definition, setup }, env));
}
process.stdout.write(`each of ${running.length} listens on a port of its own\n`);
