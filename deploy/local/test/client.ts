import type { Credentials, SandboxFile } from '../network/sandbox-file.js';

export interface Reply<T> {
  status: number;
  body: T;
  /** The bytes as they came. */
  text: string;
  headers: Headers;
}

/** A partner's client as anybody would write it: nothing of the project in it. */
export class Client {
  private token: Promise<string> | null = null;

  constructor(
    private readonly network: Pick<SandboxFile, 'gateway' | 'tokenUrl'>,
    private readonly credentials: Credentials,
  ) {}

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

/** A live brand with a contract and a client of its own. */
export async function newBrand(
  operator: Client,
  network: Pick<SandboxFile, 'gateway' | 'tokenUrl'>,
  brand: Record<string, unknown> & { slug: string },
  contract: Record<string, unknown>,
): Promise<Client> {
  const path = `/v1/operator/brands/${brand.slug}`;
  await operator.ok('POST', '/v1/operator/brands', brand);
  await operator.ok('POST', `${path}/status`, { status: 'live' });
  await operator.ok('POST', `${path}/contracts`, contract);
  return new Client(network, await operator.ok<Credentials>('POST', `${path}/clients`, { name: 'pos' }));
}
