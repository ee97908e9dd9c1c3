import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BRAND_SCOPES } from '#libs/auth';
import { BrandDirectory } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { IdempotentOutcome } from '#libs/http';
import { decodeCursor, fail, newId, pageOf, randomRef } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { MOST_LIVE_SECRETS } from './client.js';
import type { AuthenticatableClient, Client, PublicJwks, SecretInfo } from './client.js';
import { hashClientSecret, newClientSecret } from './client-secret.js';
import { ClientsRepository } from './clients.repository.js';

/** A secret at the one moment when it can be read. */
export interface NewSecret {
  secretId: string;
  clientSecret: string;
  createdAt: string;
}

export interface ClientView {
  clientId: string;
  name: string;
  brand: string | null;
  scopes: string[];
  authentication: 'client_secret_basic' | 'private_key_jwt';
  createdAt: string;
  secrets: { secretId: string; createdAt: string }[];
}

/** The calls about one brand's clients. All of them are the operator's. */
@Injectable()
export class ClientsService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ClientsRepository) private readonly clients: ClientsRepository,
    @Inject(BrandDirectory) private readonly brands: BrandDirectory,
  ) {}

  /**
   * Makes a client. Its secret is told in the first answer only: the record of the call holds everything else, so a
   * repeat with the same key answers `clientSecret: null`.
   */
  async create(
    slug: string,
    wish: { name: string; scopes: string[] | null; jwks: PublicJwks | null },
    call: { caller: string; key: string | undefined },
  ): Promise<IdempotentOutcome> {
    await this.requireBrand(slug);
    let secret: NewSecret | null = null;
    const outcome = await idempotent(
      this.dataSource,
      { caller: call.caller, key: call.key, brand: '*', route: 'clients.create', body: { slug, ...wish } },
      async (tx) => {
        const client = await this.clients.insert(tx, {
          clientId: randomRef('cl'),
          kind: 'brand',
          brand: slug,
          name: wish.name,
          scopes: wish.scopes === null ? [...BRAND_SCOPES] : [...new Set(wish.scopes)],
          jwks: wish.jwks,
        });
        secret = client.jwks === null ? await this.issueSecret(tx, client) : null;
        return { status: 201, body: viewOf(client, secret === null ? [] : [secret]) };
      },
    );
    const told = outcome.replayed ? null : (secret as NewSecret | null);
    const body = outcome.body as Record<string, unknown>;
    return { ...outcome, body: outcome.status === 201 ? { ...body, clientSecret: told?.clientSecret ?? null } : body };
  }

  /** What the token endpoint asks about whoever calls it. */
  findToAuthenticate(clientId: string): Promise<AuthenticatableClient | null> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.clients.findToAuthenticate(tx, clientId));
  }

  async list(slug: string, page: { limit: number; after?: string | undefined }): Promise<Page<ClientView>> {
    await this.requireBrand(slug);
    const after = page.after === undefined ? '' : String(decodeCursor(page.after, 1)[0]);
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const found = pageOf(await this.clients.listOfBrand(tx, slug, after, page.limit), page.limit, (client) => [
        client.clientId,
      ]);
      const secrets = await this.clients.liveSecrets(
        tx,
        found.data.map((client) => client.clientId),
      );
      return { ...found, data: found.data.map((client) => viewOf(client, secrets.get(client.clientId) ?? [])) };
    });
  }

  /** Takes effect on the next token; tokens already out live for ten minutes at most. */
  async revoke(slug: string, clientId: string): Promise<void> {
    await this.withClient(slug, clientId, (tx, client) => this.clients.revoke(tx, client.clientId));
  }

  /** @throws DomainError `client_secret_limit` when two are live */
  async addSecret(slug: string, clientId: string): Promise<NewSecret> {
    return this.withClient(slug, clientId, async (tx, client) => {
      if (client.jwks !== null) {
        fail('validation_failed', { detail: 'The client signs assertions with its own key; it has no secret.' });
      }
      const live = (await this.clients.liveSecrets(tx, [clientId])).get(clientId) ?? [];
      if (live.length >= MOST_LIVE_SECRETS) fail('client_secret_limit');
      return this.issueSecret(tx, client);
    });
  }

  async revokeSecret(slug: string, clientId: string, secretId: string): Promise<void> {
    await this.withClient(slug, clientId, async (tx) => {
      if (!(await this.clients.revokeSecret(tx, clientId, secretId))) fail('not_found');
    });
  }

  private async issueSecret(tx: EntityManager, client: Client): Promise<NewSecret> {
    const clientSecret = newClientSecret();
    const info = await this.clients.addSecret(tx, client, newId('cs'), hashClientSecret(clientSecret));
    return { secretId: info.secretId, clientSecret, createdAt: info.createdAt.toISOString() };
  }

  private async requireBrand(slug: string): Promise<void> {
    if ((await this.brands.get(slug)) === null) fail('not_found');
  }

  private withClient<T>(
    slug: string,
    clientId: string,
    work: (tx: EntityManager, client: Client) => Promise<T>,
  ): Promise<T> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const client = await this.clients.lockOfBrand(tx, slug, clientId);
      return client === null ? fail('not_found') : work(tx, client);
    });
  }
}

function viewOf(client: Client, secrets: readonly (SecretInfo | NewSecret)[]): ClientView {
  return {
    clientId: client.clientId,
    name: client.name,
    brand: client.brand,
    scopes: client.scopes,
    authentication: client.jwks === null ? 'client_secret_basic' : 'private_key_jwt',
    createdAt: client.createdAt.toISOString(),
    secrets: secrets.map((secret) => ({
      secretId: secret.secretId,
      createdAt: typeof secret.createdAt === 'string' ? secret.createdAt : secret.createdAt.toISOString(),
    })),
  };
}
