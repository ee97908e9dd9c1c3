import { EVERY_SERVICE } from '#libs/config';
import { startService } from '#libs/http';
import type { AnyServiceDefinition, RunningService } from '#libs/http';
import { declareTopics } from '#libs/messaging';
import { testDesk, type TestDesk } from './approval-desk.js';
import { testBroker, type TestBroker } from './broker.js';
import { testDatabase, type TestDatabase } from './database.js';
import { callerOf } from './internal-caller.js';
import { neighbours, type Asked } from './neighbours.js';
import { testTokens, type TestTokens } from './tokens.js';

/** Result of a call. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** Parsed body; null when it is empty or not JSON. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs look into bodies of many shapes
  body: any;
}

export interface Surroundings {
  /** Answers of the other services, except identity's approvals; see `neighbours`. By default they know nothing. */
  answer?: (asked: Asked) => unknown;
  /** Receives PUT calls to identity. */
  putToIdentity?: (path: string, body: string) => void;
  /** Further configuration; overrides that of the test environment. */
  env?: Record<string, string>;
  /** Route of the service to its database, if it is not direct; prepares the database as needed. */
  through?: (database: TestDatabase) => string | Promise<string>;
}

/** One service with its own database and event log, and stand-ins for the others. */
export interface ServiceUnderTest {
  /** Replaced by `restart`. */
  service: RunningService;
  readonly database: TestDatabase;
  readonly broker: TestBroker;
  readonly tokens: TestTokens;
  /** Approver of acts that need two people. */
  readonly desk: TestDesk;
  /** Configuration it was started with, for a further service of the same network. */
  readonly env: Record<string, string>;
  send(token: string, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  asBrand(
    slug: string,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  asOperator(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
    clientId?: string,
  ): Promise<Answer>;
  /** Calls as the service that makes such calls. */
  asService(method: string, path: string, body?: unknown): Promise<Answer>;
  /** @param meanwhile runs while the service is down */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export async function serviceUnderTest(
  definition: AnyServiceDefinition,
  {
    answer = () => undefined,
    putToIdentity,
    env: over = {},
    through = ({ databaseUrl }) => databaseUrl,
  }: Surroundings = {},
): Promise<ServiceUnderTest> {
  const { name } = definition;
  const [database, broker, tokens, others, desk] = await Promise.all([
    testDatabase(name),
    testBroker('postgres'),
    testTokens(),
    neighbours(answer),
    testDesk(putToIdentity),
  ]);
  await declareTopics({ ...broker.config, databaseUrl: database.databaseUrl });
  const env: Record<string, string> = {
    ...tokens.env(name),
    ...broker.env,
    ...Object.fromEntries(EVERY_SERVICE.map((service) => [`${service.toUpperCase()}_URL`, others.url(service)])),
    IDENTITY_URL: desk.url,
    DATABASE_URL: await through(database),
    LOG_LEVEL: 'silent',
    ...over,
  };
  const bearers = new Map<string, Promise<string>>();
  const bearer = (who: string, make: () => Promise<string>): Promise<string> => {
    const token = bearers.get(who) ?? make();
    bearers.set(who, token);
    return token;
  };
  const send: ServiceUnderTest['send'] = async (token, method, path, body, headers = {}) => {
    const response = await fetch(rig.service.url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parsed(text) };
  };
  const rig: ServiceUnderTest = {
    service: await startService(definition, env),
    database,
    broker,
    tokens,
    desk,
    env,
    send,
    asBrand: async (slug, ...call) => send(await bearer(slug, () => tokens.brand(slug)), ...call),
    asOperator: async (method, path, body, headers, clientId = 'cl_operator') =>
      send(await bearer(`* ${clientId}`, () => tokens.operator(clientId)), method, path, body, headers),
    asService: async (method, path, body) => send(await tokens.internal(callerOf(path), name), method, path, body),
    restart: async (meanwhile) => {
      await rig.service.close();
      await meanwhile?.();
      rig.service = await startService(definition, env);
    },
    close: async () => {
      await rig.service.close();
      await Promise.all([others.close(), desk.close(), tokens.close()]);
      await Promise.all([database.drop(), broker.drop()]);
    },
  };
  return rig;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // empty, or a picture or file
    return null;
  }
}
