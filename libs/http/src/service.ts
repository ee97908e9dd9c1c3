import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ConfigOf, ConfigSchema, Fields, ProcessConfig } from '#libs/config';
import type { Migration } from '#libs/postgres';

/** Everything that is needed to run a service: in a process of its own or beside others. */
export interface ServiceDefinition<F extends Fields = Fields> {
  name: string;
  config: ConfigSchema<F>;
  module: (config: ConfigOf<ConfigSchema<F>>) => DynamicModule | Type;
  /** Owned tables, in order. A service without them has no database. */
  migrations?: readonly Migration[];
  /** Whether it handles events. Default: whether it has migrations. */
  consumers?: boolean;
  /** Mounts what isn't a Nest controller (a proxy, an OAuth server) on the Fastify instance, before it listens. */
  setup?: (app: NestFastifyApplication, config: ConfigOf<ConfigSchema<F>>) => Promise<void> | void;
}

/** A definition whatever its variables; what `startService` takes. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a definition is contravariant in its own fields
export type AnyServiceDefinition = ServiceDefinition<any>;

/** Declares a service. Its variables must include those of `processFields()` or `serviceFields()`. */
export function defineService<F extends Fields>(
  definition: ServiceDefinition<F> & (ConfigOf<ConfigSchema<F>> extends ProcessConfig ? unknown : never),
): ServiceDefinition<F> {
  return definition;
}
