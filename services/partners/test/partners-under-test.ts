import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startService } from '#libs/http';
import type { RunningService } from '#libs/http';
import { declareTopics } from '#libs/messaging';
import { testBroker, testDatabase, testDesk, testTokens } from '#libs/testing';
import type { TestDesk, TestTokens } from '#libs/testing';
import { partners } from '../src/index.js';

export interface Answer {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs look into bodies of many shapes
  body: any;
}

/** What another service was told by partners. */
export interface Told {
  path: string;
  body: Record<string, unknown>;
}

export interface PartnersUnderTest {
  service: RunningService;
  tokens: TestTokens;
  /** Environment of a further service of the same network. */
  env: Record<string, string>;
  ownerUrl: string;
  told: Told[];
  desk: TestDesk;
  /** As the operator. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** A stand-in for the other services: takes what partners pushes. */
async function listener(told: Told[]): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      if (request.method === 'PUT')
        told.push({ path: request.url ?? '', body: JSON.parse(text) as Record<string, unknown> });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

/** Partners on a database and an event log of its own, beside listeners that stand in for the other services. */
export async function partnersUnderTest(over: Record<string, string> = {}): Promise<PartnersUnderTest> {
  const [database, broker, tokens] = [await testDatabase('partners'), await testBroker('postgres'), await testTokens()];
  await declareTopics(broker.config);
  const told: Told[] = [];
  const other = await listener(told);
  const desk = await testDesk((path, body) =>
    told.push({ path: `/identity${path}`, body: JSON.parse(body) as Record<string, unknown> }),
  );
  const env: Record<string, string> = {
    ...tokens.env('partners'),
    ...broker.env,
    DATABASE_URL: database.databaseUrl,
    IDENTITY_URL: desk.url,
    CRM_URL: `${other.url}/crm`,
    LEDGER_URL: `${other.url}/ledger`,
    SETTLEMENT_URL: `${other.url}/settlement`,
    MEMBERSHIP_URL: `${other.url}/membership`,
    REFERRALS_URL: `${other.url}/membership`,
    PARTNERS_URL: 'http://127.0.0.1:1',
    LOG_LEVEL: 'silent',
    TEST_CLOCK: 'true',
    ...over,
  };
  const operator = await tokens.operator();
  const under: PartnersUnderTest = {
    service: await startService(partners, env),
    tokens,
    env,
    ownerUrl: database.ownerUrl,
    told,
    desk,
    call: async (method, path, body, headers = {}) => {
      const response = await fetch(under.service.url + path, {
        method,
        headers: {
          authorization: `Bearer ${operator}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text === '' ? null : (JSON.parse(text) as unknown),
      };
    },
    restart: async () => {
      await under.service.close();
      under.service = await startService(partners, env);
    },
    close: async () => {
      await under.service.close();
      await other.close();
      await desk.close();
      await tokens.close();
      await database.drop();
      await broker.drop();
    },
  };
  env['PARTNERS_URL'] = under.service.url;
  return under;
}
