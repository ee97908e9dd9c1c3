import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ConfigOf, ConfigSchema, Fields, ProcessConfig } from '#libs/config';
import type { Migration } from '#libs/postgres';

/** Everything needed to run a service, in its own process or with others. */
export interface ServiceDefinition<F extends Fields = Fields> {
  name: string;
  config: ConfigSchema<F>;
  module: (config: ConfigOf<ConfigSchema<F>>) => DynamicModule | Type;
  /** Migrations of the service's own tables, in order. A service without them has no database. */
  migrations?: readonly Migration[];
  /** Whether it handles events. Default: whether it has migrations. */
  consumers?: boolean;
  /** Mounts handlers that are not Nest controllers (a proxy, an OAuth server) on the Fastify instance, before it listens. */
  setup?: (app: NestFastifyApplication, config: ConfigOf<ConfigSchema<F>>) => Promise<void> | void;
}

/** A definition with any variables; argument of `startService`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a definition is contravariant in its own fields
export type AnyServiceDefinition = ServiceDefinition<any>;

/** Declares a service. Its variables must include those of `processFields()` or `serviceFields()`. */
export function defineService<F extends Fields>(
  definition: ServiceDefinition<F> & (ConfigOf<ConfigSchema<F>> extends ProcessConfig ? unknown : never),
): ServiceDefinition<F> {
  return definition;
}
