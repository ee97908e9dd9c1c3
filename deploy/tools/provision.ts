/**
 * Deployment step: creates the databases of all services and their roles, or updates the roles' passwords. Can be repeated. Needs a
 * superuser, because the owner roles bypass row-level security. Roles and passwords come from the URLs of the services and their
 * migrations, so they are configured only once.
 */
import { ConfigError, databaseUrl, defineConfig, field, loadConfig } from '#libs/config';
import type { Field } from '#libs/config';
import { dutiesOf, provision } from '#libs/postgres';
import { databaseServices, databaseVariable, dutyVariable, migrationVariable } from './services.js';
import { step } from './step.js';

const services = databaseServices().map(({ name }) => name);

function schema() {
  const fields: Record<string, Field<string>> = {
    admin: field('ADMIN_DATABASE_URL', databaseUrl, 'Superuser URL of the server’s maintenance database.', {
      secret: true,
    }),
  };
  for (const name of services) {
    fields[`${name} app`] = field(databaseVariable(name), databaseUrl, `Database of ${name}, as its own role.`, {
      secret: true,
    });
    fields[`${name} owner`] = field(migrationVariable(name), databaseUrl, `Database of ${name}, as its owner role.`, {
      secret: true,
    });
    for (const duty of dutiesOf(name)) {
      fields[`${name} ${duty}`] = field(
        dutyVariable(name, duty),
        databaseUrl,
        `Database of ${name}, as its role for ${duty}.`,
        { secret: true },
      );
    }
  }
  return defineConfig('provision', fields);
}

/** The password in a URL; the URL must name the role and the database that the step creates. */
function passwordOf(variable: string, text: string, role: string, database: string, faults: string[]): string {
  const { username, password, pathname } = new URL(text);
  if (username !== role || pathname !== `/${database}`)
    faults.push(`${variable} must be of role ${role} and database ${database}`);
  if (password === '') faults.push(`${variable} has no password`);
  return decodeURIComponent(password);
}

step(async () => {
  const config: Readonly<Record<string, string>> = loadConfig(schema());
  const faults: string[] = [];
  const passwords = services.map((name) => ({
    name,
    app: passwordOf(databaseVariable(name), config[`${name} app`] ?? '', `hezong_${name}`, `hezong_${name}`, faults),
    owner: passwordOf(
      migrationVariable(name),
      config[`${name} owner`] ?? '',
      `hezong_${name}_owner`,
      `hezong_${name}`,
      faults,
    ),
    duties: Object.fromEntries(
      dutiesOf(name).map((duty) => [
        duty,
        passwordOf(
          dutyVariable(name, duty),
          config[`${name} ${duty}`] ?? '',
          `hezong_${name}_${duty}`,
          `hezong_${name}`,
          faults,
        ),
      ]),
    ),
  }));
  if (faults.length > 0) throw new ConfigError('provision', faults);
  for (const { name, ...roles } of passwords) await provision(config['admin'] ?? '', name, roles);
  return services.map((name) => {
    const roles = ['_owner', ...dutiesOf(name).map((duty) => `_${duty}`)].map((suffix) => `hezong_${name}${suffix}`);
    return `${name}: database hezong_${name}, roles ${[`hezong_${name}`, ...roles].join(', ')}`;
  });
});
