import { createServer } from 'node:http';
import type { BrandSnapshot } from '#libs/directory';
import { startService } from '#libs/http';
import type { RunningService } from '#libs/http';
import { openDoor, portOf } from '#libs/servers';
import { HezongClient, HezongProblem } from '#libs/sdk';
import { testBroker, testDatabase, testTokens } from '#libs/testing';
import type { TestTokens } from '#libs/testing';
import { bootstrapOperator, identity } from '../src/index.js';
import type { OperatorCredentials } from '../src/index.js';

/** An identity service with its surroundings: a database, an event log, and a partners service that has two brands. */
export interface IdentityNetwork {
  service: RunningService;
  issuer: string;
  ownerUrl: string;
  operator: OperatorCredentials;
  /** Keys for service tokens; client tokens come from another issuer. */
  tokens: TestTokens;
  /** A second instance on the same database. */
  another(): Promise<RunningService>;
  close(): Promise<void>;
}

function snapshot(slug: string): BrandSnapshot {
  return {
    slug,
    version: 1,
    name: slug,
    status: 'live',
    currency: 'CNY',
    legalEntity: { id: `le-${slug}`, name: slug },
    stores: [],
    contracts: [],
  };
}

async function fakePartners(): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const slug = /^\/internal\/v1\/brands\/(aurora|birch)$/.exec(request.url ?? '')?.[1];
    response.writeHead(slug === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(slug === undefined ? {} : snapshot(slug)));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export async function identityNetwork(prepare: (logDatabaseUrl: string) => Promise<unknown>): Promise<IdentityNetwork> {
  const [database, broker, partners, door, tokens] = await Promise.all([
    testDatabase('identity'),
    testBroker('postgres'),
    fakePartners(),
    openDoor(),
    testTokens(),
  ]);
  await prepare(broker.config.logDatabaseUrl);
  const issuer = `http://127.0.0.1:${portOf(door)}`;
  const env = {
    ...broker.env,
    ...tokens.env('identity'),
    LOG_LEVEL: 'error',
    DATABASE_URL: database.databaseUrl,
    ISSUER_URL: issuer,
    JWKS_URL: `${issuer}/.well-known/jwks.json`,
    KEY_ENCRYPTION_KEY: Buffer.alloc(32, 6).toString('base64'),
    IDENTITY_URL: issuer,
    PARTNERS_URL: partners.url,
    CRM_URL: partners.url,
    LEDGER_URL: partners.url,
    SETTLEMENT_URL: partners.url,
    MEMBERSHIP_URL: partners.url,
    REFERRALS_URL: partners.url,
  };
  const operator = await bootstrapOperator(database.ownerUrl);
  const running = [await startService(identity, env, door)];
  const service = running[0];
  if (service === undefined) throw new Error('not started');
  return {
    service,
    issuer,
    ownerUrl: database.ownerUrl,
    operator,
    tokens,
    another: async () => {
      const second = await startService(identity, env);
      running.push(second);
      return second;
    },
    close: async () => {
      for (const one of running) await one.close();
      partners.close();
      await tokens.close();
      await broker.drop();
      await database.drop();
    },
  };
}

export function login(issuer: string, client: { clientId: string; clientSecret: string | null }): HezongClient {
  const { clientId, clientSecret } = client;
  return new HezongClient({ gateway: issuer, clientId, clientSecret: clientSecret ?? '' });
}

/** Identifies the approval that a refused act asks for. */
export async function refusal(call: Promise<unknown>): Promise<{ id: string; payloadHash: string }> {
  const problem = await call.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(problem instanceof HezongProblem) || problem.code !== 'second_person_needed') {
    throw new Error('the act was not refused for want of a second person', { cause: problem });
  }
  return { id: String(problem.body['approval']), payloadHash: String(problem.body['payloadHash']) };
}

/** Sends a call again after the second client has approved it, if the first answer asks for that. */
export async function approved<A extends { status: number }>(
  second: HezongClient,
  send: () => Promise<A>,
  read: (answer: A) => unknown,
): Promise<A> {
  const answer = await send();
  if (answer.status !== 403) return answer;
  const { approval: id, payloadHash } = (await read(answer)) as { approval: string; payloadHash: string };
  await second.approvals.approve({ path: { id }, body: { payloadHash } });
  return send();
}

/** Runs an act that needs two people: requested, approved by the second client, done. */
export async function byTwo<T>(second: HezongClient, act: () => Promise<T>): Promise<T> {
  const { id, payloadHash } = await refusal(act());
  await second.approvals.approve({ path: { id }, body: { payloadHash } });
  return act();
}
