import { format } from 'prettier';
import type { ConfigSchema } from '#libs/config';
import { rotationConfig } from '../../services/crm/src/crm.config.js';
import { DEFINITIONS } from '../local/network/definitions.js';
import { writeOrCheck } from './generated.js';

/** Writes docs/configuration.md from the declarations; with --check it only compares and fails on drift. */
const FILE = 'docs/configuration.md';

interface Row {
  variable: string;
  fallback: string;
  doc: string;
  services: Set<string>;
}

function rows(schemas: readonly ConfigSchema[]): Row[] {
  const byVariable = new Map<string, Row>();
  for (const schema of schemas) {
    for (const field of Object.values(schema.fields)) {
      const fallback =
        field.default === undefined
          ? '**required**'
          : field.default.endsWith('://unset') || field.default === ''
            ? ''
            : `\`${field.default}\``;
      const row = byVariable.get(field.variable) ?? {
        variable: field.variable,
        fallback: field.secret === true ? `${fallback} (secret)`.trim() : fallback,
        doc: field.doc,
        services: new Set<string>(),
      };
      row.services.add(schema.name);
      byVariable.set(field.variable, row);
    }
  }
  return [...byVariable.values()];
}

function table(schemas: readonly ConfigSchema[]): string {
  const lines = rows(schemas).map((row) => {
    const services = row.services.size === DEFINITIONS.length ? 'all' : [...row.services].join(', ');
    return `| \`${row.variable}\` | ${row.fallback} | ${services} | ${row.doc} |`;
  });
  return `# Configuration

Services are configured by environment variables alone. A service that finds faults in its environment names all of them and does not start.
Generated from the code by \`npm run gen:config\`; secrets are never shown in logs or faults.

| variable | default | services | what |
|---|---|---|---|
${lines.join('\n')}
`;
}

const schemas = [...DEFINITIONS.map(({ config }) => config), rotationConfig].map(
  (config) => config as unknown as ConfigSchema,
);
const wanted = await format(table(schemas), { parser: 'markdown', printWidth: 120 });
await writeOrCheck('gen:config', new Map([[FILE, wanted]]));
