import { PATH_METADATA, METHOD_METADATA } from '@nestjs/common/constants.js';
import { RequestMethod } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import { accessOf } from '#libs/auth';
import { loadConfig, type ProcessConfig } from '#libs/config';
import { HttpModule, type AnyServiceDefinition } from '#libs/http';
import { DEFINITIONS } from '../local/network/definitions.js';
import { anyEnvironment } from './any-environment.js';

const EVERYBODY = ['crm', 'gateway', 'identity', 'ledger', 'membership', 'partners', 'referrals', 'settlement'];
const WITH_DIRECTORY = ['crm', 'identity', 'ledger', 'membership', 'referrals', 'settlement'];

/** Allowed callers of internal routes, listed a second time: a new route or caller must be approved here too. */
const OF_ALL: Record<string, string[]> = {
  'PUT internal/v1/clock': ['partners'],
  'GET internal/v1/ready': ['gateway'],
  'GET internal/v1/backlog': ['gateway', 'settlement'],
  'GET internal/v1/lag': ['gateway', 'settlement'],
  'GET internal/v1/parked': ['gateway', 'settlement'],
  'POST internal/v1/parked/:id/set-aside': ['gateway'],
  'POST internal/v1/parked/:id/retry': ['gateway'],
  'GET internal/v1/due': ['gateway'],
  'GET internal/v1/invariants': ['gateway'],
  'GET internal/v1/audit': ['gateway'],
};
/** Services with acts that need two people. */
const GUARDED = ['gateway', 'ledger', 'membership', 'partners', 'referrals'];
const PUSHED = { 'PUT internal/v1/brands/:slug': ['partners'] };
const OWN: Record<string, Record<string, string[]>> = {
  partners: {
    'GET internal/v1/clock': EVERYBODY,
    'GET internal/v1/brands/:slug': WITH_DIRECTORY,
  },
  identity: {
    ...PUSHED,
    'GET internal/v1/revoked-clients': EVERYBODY,
    'POST internal/v1/approvals': GUARDED,
    'POST internal/v1/approvals/given': GUARDED,
    'POST internal/v1/approvals/approved': ['referrals', 'settlement'],
    'POST internal/v1/approvals/:id/used': GUARDED,
  },
  crm: {
    ...PUSHED,
    'GET internal/v1/links': ['ledger', 'membership', 'referrals'],
    'GET internal/v1/consents/:memberRef/:purpose': ['settlement'],
  },
  ledger: {
    ...PUSHED,
    'PUT internal/v1/links/:memberRef': ['crm'],
    'GET internal/v1/outstanding': ['settlement'],
    'POST internal/v1/spent': ['settlement'],
  },
  settlement: PUSHED,
  membership: PUSHED,
  referrals: { ...PUSHED, 'GET internal/v1/owed': ['settlement'], 'POST internal/v1/posted': ['settlement'] },
  gateway: {},
};

const trim = (path: unknown): string => String(path).replace(/^\/|\/$/g, '');

async function internalRoutes(definition: AnyServiceDefinition): Promise<Record<string, string[]>> {
  const config = loadConfig(definition.config, anyEnvironment(definition)) as unknown as ProcessConfig;
  const root = HttpModule.forService(definition.name, config, definition.module(config));
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares these options as a class
  const app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), {
    preview: true,
    logger: false,
  });
  const found: Record<string, string[]> = {};
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values()) {
      const type = metatype as { prototype: object };
      for (const name of Object.getOwnPropertyNames(type.prototype)) {
        const handler: unknown = Reflect.get(type.prototype, name);
        if (typeof handler !== 'function') continue;
        const access = accessOf(Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler));
        if (access?.audience !== 'internal') continue;
        const parts = [Reflect.getMetadata(PATH_METADATA, type), Reflect.getMetadata(PATH_METADATA, handler)];
        const path = parts
          .map(trim)
          .filter((part) => part !== '')
          .join('/');
        const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number];
        found[`${method} ${path}`] = [...access.callers].sort();
      }
    }
  }
  await app.close();
  return found;
}

it.each(DEFINITIONS.map((definition) => [definition.name, definition] as const))(
  '%s admits the declared callers and no others',
  async (name, definition) => {
    expect(await internalRoutes(definition)).toEqual({ ...OF_ALL, ...OWN[name] });
  },
);
