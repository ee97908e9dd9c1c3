/** One machine of a short run: several services in one process, each with its own environment (HOSTED: `[[name, environment], …]`). */
import { field, integer, type Fields } from '#libs/config';
import { STOP_IDLE_MS, startService, type RunningService } from '#libs/http';
import { definitionOf } from '../local/network/definitions.js';

/** A short run does not wait half a minute for the session of a killed process. */
const SESSION = field(
  'SESSION_MS',
  integer(1_000, 30_000),
  'How long the partitions of a killed process are not read.',
  { default: '10000' },
);

const hosted = JSON.parse(process.env['HOSTED'] ?? '[]') as [string, Record<string, string>][];
const running: RunningService[] = [];

process.once('SIGTERM', () => {
  void Promise.allSettled(running.map((service) => service.close(STOP_IDLE_MS))).then(() => process.exit(0));
});
for (const [name, env] of hosted) {
  const definition = definitionOf(name);
  const fields: Fields = { ...(definition.config.fields as Fields), leaseMs: SESSION };
  running.push(await startService({ ...definition, config: { ...definition.config, fields } }, env));
}
process.stdout.write(`each of ${running.length} listens on its own port\n`);
