/** One machine of a short run: several services in one process, each with an environment of its own (HOSTED: `[[name, environment], …]`). */
import { startService, type RunningService } from '#libs/http';
import { definitionOf } from '../local/network/definitions.js';

const hosted = JSON.parse(process.env['HOSTED'] ?? '[]') as [string, Record<string, string>][];
const running: RunningService[] = [];

process.once('SIGTERM', () => {
  void Promise.allSettled(running.reverse().map((service) => service.close())).then(() => process.exit(0));
});
for (const [name, env] of hosted) running.push(await startService(definitionOf(name), env));
process.stdout.write(`each of ${running.length} listens on a port of its own\n`);
