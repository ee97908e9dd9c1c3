import { HezongClient } from '#libs/sdk';
import type { CreateBrandBody, CreateContractBody } from '#libs/sdk';
import { byTwo } from '../network/by-two.js';
import type { Credentials, SandboxFile } from '../network/sandbox-file.js';

export interface Reply<T> {
  status: number;
  body: T;
  /** The bytes as received. */
  text: string;
  headers: Headers;
}

/** A partner. `hezong` is the partner client; `call` shows what that hides: the bytes, headers and refusals of a single attempt. */
export class Client {
  readonly hezong: HezongClient;
  private token: Promise<string> | null = null;

  constructor(
    private readonly network: Pick<SandboxFile, 'gateway' | 'tokenUrl'>,
    private readonly credentials: Credentials,
  ) {
    this.hezong = new HezongClient({ ...network, ...credentials });
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs look into answers of many shapes
  async call<T = any>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    this.token ??= this.login();
    const response = await fetch(`${this.network.gateway}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: (text === '' ? null : JSON.parse(text)) as T,
      text,
      headers: response.headers,
    };
  }

  /** Like `call`, for calls that must succeed. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs look into answers of many shapes
  async ok<T = any>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.call<T>(method, path, body);
    if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
    return reply.body;
  }

  async bearer(): Promise<string> {
    this.token ??= this.login();
    return this.token;
  }

  private async login(): Promise<string> {
    const basic = Buffer.from(`${this.credentials.clientId}:${this.credentials.clientSecret}`).toString('base64');
    const response = await fetch(this.network.tokenUrl, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    if (!response.ok) throw new Error(`token: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { access_token: string }).access_token;
  }
}

/** The operator's second client: it approves the requests of the first. */
export function secondOperator(network: Pick<SandboxFile, 'gateway' | 'tokenUrl' | 'operator'>): HezongClient {
  return new Client(network, network.operator.second).hezong;
}

/** A live brand with its own contract and client. */
export async function newBrand(
  operator: Client,
  network: Pick<SandboxFile, 'gateway' | 'tokenUrl' | 'operator'>,
  brand: Record<string, unknown>,
  contract: Record<string, unknown>,
): Promise<Client> {
  const { hezong } = operator;
  const { slug } = await hezong.brands.create({ body: brand as CreateBrandBody });
  await hezong.brands.setStatus({ path: { slug }, body: { status: 'live' } });
  const body = contract as CreateContractBody;
  await byTwo(secondOperator(network), () => hezong.contracts.create({ path: { slug }, body }));
  const { clientId, clientSecret } = await hezong.clients.create({ path: { slug }, body: { name: 'pos' } });
  return new Client(network, { clientId, clientSecret: clientSecret ?? '' });
}
