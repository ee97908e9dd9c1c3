/**
 * Deployment step: brings the databases of all services up to date, with their owner roles, before the new services start. Can be repeated.
 */
import { databaseUrl, defineConfig, field, loadConfig } from '#libs/config';
import { migrate } from '#libs/postgres';
import { databaseServices, migrationVariable } from './services.js';
import { step } from './step.js';

step(async () => {
  const services = databaseServices();
  const fields = services.map(
    ({ name }) =>
      [
        name,
        field(migrationVariable(name), databaseUrl, `Database of ${name}, as its owner role.`, { secret: true }),
      ] as const,
  );
  const config: Readonly<Record<string, string>> = loadConfig(defineConfig('migrate', Object.fromEntries(fields)));
  const lines: string[] = [];
  for (const { name, migrations } of services) {
    const ran = await migrate(config[name] ?? '', migrations);
    lines.push(`${name}: ${ran.length === 0 ? 'up to date' : ran.join(', ')}`);
  }
  return lines;
});
