import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { format } from 'prettier';
import { loadConfig } from '#libs/config';
import type { ProcessConfig } from '#libs/config';
import { HttpModule, openApiOf } from '#libs/http';
import type { AnyServiceDefinition } from '#libs/http';
import { DEFINITIONS } from '../local/network/definitions.js';
import { anyEnvironment } from './any-environment.js';
import { writeOrCheck } from './generated.js';
import { mergeOpenApi } from '../../services/gateway/src/docs/openapi.js';
import type { OpenApi } from '../../services/gateway/src/docs/openapi.js';

/** Writes docs/openapi.json from the controllers; with --check it only compares and fails on drift. It opens no connection and no port. */
const FILE = 'docs/openapi.json';

async function documentOf(definition: AnyServiceDefinition): Promise<readonly [string, OpenApi]> {
  const config = loadConfig(definition.config, anyEnvironment(definition)) as unknown as ProcessConfig;
  const root = HttpModule.forService(definition.name, config, definition.module(config));
  // In preview mode the classes are known but not instantiated.
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares these options as a class
  const app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), {
    preview: true,
    logger: false,
  });
  return [definition.name, openApiOf(app, definition.name) as unknown as OpenApi];
}

const documents: (readonly [string, OpenApi])[] = [];
for (const definition of DEFINITIONS) {
  documents.push(await documentOf(definition));
}
const wanted = await format(JSON.stringify(mergeOpenApi(documents)), { parser: 'json', printWidth: 120 });
await writeOrCheck('gen:openapi', new Map([[FILE, wanted]]));
process.exit();
