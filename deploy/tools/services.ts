import type { Migration } from '#libs/postgres';
import { DEFINITIONS } from '../local/network/definitions.js';

export interface DatabaseService {
  readonly name: string;
  readonly migrations: readonly Migration[];
}

/** The services that own databases, in the order in which a deployment prepares them. */
export function databaseServices(): DatabaseService[] {
  return DEFINITIONS.flatMap(({ name, migrations }) => (migrations === undefined ? [] : [{ name, migrations }]));
}

/** `LEDGER_DATABASE_URL`: the service's own, non-owner role. */
export function databaseVariable(service: string): string {
  return `${service.toUpperCase()}_DATABASE_URL`;
}

/** `CRM_ROTATION_DATABASE_URL`: the role of a duty. */
export function dutyVariable(service: string, duty: string): string {
  return `${service.toUpperCase()}_${duty.toUpperCase()}_DATABASE_URL`;
}

/** `LEDGER_MIGRATION_DATABASE_URL`: the owner role. */
export function migrationVariable(service: string): string {
  return `${service.toUpperCase()}_MIGRATION_DATABASE_URL`;
}
