import { parentPort } from 'node:worker_threads';
import type * as Http from '#libs/http';

/**
 * Messages to a thread of the development network. No code of the repository is loaded before `load`, so a waiting thread is never stale.
 */
export type Order =
  | { readonly kind: 'load'; readonly names: readonly string[] }
  | { readonly kind: 'serve'; readonly name: string; readonly env: Record<string, string> }
  | { readonly kind: 'close'; readonly name: string }
  | { readonly kind: 'stop' };

export interface Said {
  readonly failed?: string;
}

/** Packages that every service loads: they take most of the start time. */
const PACKAGES = [
  '@nestjs/core',
  '@nestjs/common',
  '@nestjs/platform-fastify',
  '@nestjs/swagger',
  '@nestjs/typeorm',
  '@nestjs/microservices',
  'typeorm',
  'pg',
  'kafkajs',
  'class-validator',
  'class-transformer',
  'fastify',
  'jose',
  'libphonenumber-js',
  'luxon',
  'pino',
  'prom-client',
  'undici',
  'zod',
];

type Definitions = Record<string, Http.AnyServiceDefinition | undefined>;

const definitions = new Map<string, Http.AnyServiceDefinition>();
const running = new Map<string, { close(): Promise<void> }>();
let http: typeof Http | null = null;

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'load':
      http = await import('#libs/http');
      for (const name of order.names) {
        const module = (await import(`../../../services/${name}/src/index.js`)) as Definitions;
        const definition = module[name];
        if (definition === undefined) throw new Error(`services/${name}/src/index.ts exports no ${name}`);
        definitions.set(name, definition);
      }
      return;
    case 'serve': {
      const definition = definitions.get(order.name);
      if (definition === undefined || http === null) throw new Error(`${order.name} is not loaded`);
      await http.migrateService(definition, order.env);
      running.set(order.name, await http.startService(definition, order.env));
      return;
    }
    case 'close':
      await running.get(order.name)?.close();
      running.delete(order.name);
      return;
    case 'stop':
      await Promise.allSettled([...running.values()].map((service) => service.close()));
      process.exit(0);
  }
}

const say = (said: Said): void => parentPort?.postMessage(said);
const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

// one message at a time: each is answered before the next is processed
let last: Promise<void> = Promise.all(PACKAGES.map((name) => import(name))).then(() => undefined);
parentPort?.on('message', (order: Order) => {
  last = last
    .then(() => obey(order))
    .then(
      () => say({}),
      (error: unknown) => say({ failed: textOf(error) }),
    );
});
