import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { PATTERN_METADATA } from '@nestjs/microservices/constants.js';
import { loadConfig, type ProcessConfig } from '#libs/config';
import { TOPICS } from '#libs/contracts';
import { HttpModule, type AnyServiceDefinition } from '#libs/http';
import { readAcls, readTopics } from '#libs/messaging';
import { DEFINITIONS } from '../local/network/definitions.js';
import { anyEnvironment } from '../tools/any-environment.js';

/** Topics by group, as bound by the controllers of a service: the pattern of a handler is `<group>|<topic>`. */
async function groupsOf(definition: AnyServiceDefinition): Promise<Record<string, string[]>> {
  const config = loadConfig(definition.config, anyEnvironment(definition)) as unknown as ProcessConfig;
  const root = HttpModule.forService(definition.name, config, definition.module(config));
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares these options as a class
  const app = await NestFactory.create(root, new FastifyAdapter(), { preview: true, logger: false });
  const groups: Record<string, string[]> = {};
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values()) {
      const prototype = (metatype as { prototype: object }).prototype;
      for (const name of Object.getOwnPropertyNames(prototype)) {
        const handler: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
        if (typeof handler !== 'function') continue;
        const patterns = (Reflect.getMetadata(PATTERN_METADATA, handler) ?? []) as string[];
        for (const pattern of patterns) {
          const [group = '', topic = ''] = pattern.split('|');
          (groups[group] ??= []).push(topic);
        }
      }
    }
  }
  await app.close();
  return groups;
}

/** Topics named in a service's code, except where it binds a handler. */
function writesOf(service: string): string[] {
  const names = readdirSync(`services/${service}/src`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
    .map((file) => readFileSync(join(`services/${service}/src`, file), 'utf8'))
    .flatMap((text) => [...text.replace(/@OnEvents\(TOPICS\.\w+/g, '').matchAll(/\bTOPICS\.(\w+)/g)])
    .map(([, name = '']) => TOPICS[name as keyof typeof TOPICS]);
  return [...new Set(names)].sort();
}

const sorted = (groups: Readonly<Record<string, readonly string[]>>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(groups).map(([group, topics]) => [group, [...topics].sort()]));

describe('the rights on Kafka', () => {
  const users = new Map(readAcls().map((user) => [user.name, user]));

  it.each(DEFINITIONS.map((definition) => [definition.name, definition] as const))(
    'of %s are exactly what its code needs',
    async (name, definition) => {
      const user = users.get(`hezong-${name}`);
      expect(sorted(user?.groups ?? {})).toEqual(sorted(await groupsOf(definition)));
      expect([...(user?.writes ?? [])].sort()).toEqual(writesOf(name));
    },
  );

  it('belong to known services only, and give each topic one writer', () => {
    const names = DEFINITIONS.map(({ name }) => `hezong-${name}`);
    expect([...users.keys()].filter((name) => !names.includes(name))).toEqual([]);
    const written = [...users.values()].flatMap(({ writes }) => writes).sort();
    expect(written).toEqual(
      readTopics()
        .map(({ name }) => name)
        .sort(),
    );
    for (const [name, { groups }] of users)
      for (const group of Object.keys(groups)) expect(`hezong-${group.split('.')[0] ?? ''}`).toBe(name);
  });

  // a topic of an unordered group has retry topics, which its service must write and read
  it('include no retry topics', () => {
    expect(readTopics().filter(({ unordered }) => unordered !== undefined)).toEqual([]);
  });
});
