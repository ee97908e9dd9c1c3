import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BRAND_SCOPES, OPERATOR_SCOPE } from '#libs/auth';
import type { RevokedClients } from '#libs/auth';
import { BrandDirectory, mayAct } from '#libs/directory';
import { Approvals, idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { decodeCursor, fail, newId, pageOf, randomRef, uuidFromId } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { ACCESS_TOKEN_TTL_S } from '../keys/signing-key.js';
import { MOST_LIVE_SECRETS } from './client.js';
import type { AuthenticatableClient, Client, ClientOwner, SecretInfo } from './client.js';
import { hashClientSecret, newClientSecret } from './client-secret.js';
import { ClientsRepository } from './clients.repository.js';
import { checkedJwks } from './public-jwks.js';
import type { ClientView, NewClientView, NewSecretView } from './clients.answers.js';

/** Lifetime of a token, plus a margin for clock skew. */
const TOKENS_GONE_AFTER_S = ACCESS_TOKEN_TTL_S + 60;

/** Settings of a new client. Without scopes it gets all scopes that its owner may have. */
export interface ClientWish {
  name: string;
  scopes?: string[] | null;
  jwks?: unknown;
}

/** Management of the clients of a brand and of the operator. Only the operator may do this. */
@Injectable()
export class ClientsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clients: ClientsRepository,
    private readonly brands: BrandDirectory,
    private readonly approvals: Approvals,
  ) {}

  /**
   * Creates a client. Only the first answer contains the secret: it is not stored with the Idempotency-Key, so a repeat returns
   * `clientSecret: null`. A brand's first client needs one person, because there is nobody yet whom it could impersonate; all others need
   * two, even after the first is revoked.
   */
  async create(owner: ClientOwner, wish: ClientWish, call: KeyedCall): Promise<Reply<NewClientView>> {
    const jwks = wish.jwks === undefined || wish.jwks === null ? null : await checkedJwks(wish.jwks);
    const scopes = wish.scopes ?? null;
    await this.requireBrand(owner);
    const body = { slug: owner.brand, name: wish.name, scopes, jwks };
    let secret: NewSecretView | null = null;
    const outcome = await this.approvals.guarded((approve) =>
      idempotent(this.dataSource, { ...call, route: 'clients.create', body }, async (tx) => {
        if (owner.brand === null) await this.lockOperator(tx, owner.asker);
        const isFirst = owner.brand !== null && (await this.clients.lockIfNone(tx, owner.brand));
        const scopesOf = owner.brand === null ? [OPERATOR_SCOPE] : [...new Set(scopes ?? BRAND_SCOPES)];
        const kind = owner.brand === null ? 'operator' : 'brand';
        const { name } = wish;
        const made = { clientId: randomRef('cl'), kind, brand: owner.brand, name, scopes: scopesOf, jwks } as const;
        const client = await this.clients.insert(tx, made, owner.asker);
        secret = client.jwks === null ? await this.issueSecret(tx, client, owner.asker) : null;
        if (owner.brand === null) {
          await approve(tx, { act: 'operator_client.create', maker: owner.asker, payload: { name, jwks } });
        } else if (!isFirst) {
          const payload = { brand: owner.brand, name, scopes: made.scopes, jwks };
          await approve(tx, { act: 'brand_client.create', maker: owner.asker, payload });
        }
        return { status: 201, body: viewOf(client, secret === null ? [] : [secret]) };
      }),
    );
    const told = outcome.replayed ? null : (secret as NewSecretView | null);
    return outcome.map((answer) => ({ ...answer, clientSecret: told?.clientSecret ?? null }));
  }

  /** Finds the calling client for the token endpoint, where anybody may send any text as an id. */
  async findToAuthenticate(clientId: string): Promise<AuthenticatableClient | null> {
    if (uuidFromId('cl', clientId) === null) return null;
    const client = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.clients.findToAuthenticate(tx, clientId),
    );
    if (client === null || client.brand === null) return client;
    const brand = await this.brands.get(client.brand);
    return { ...client, standsStill: brand === null || !mayAct(brand) };
  }

  /** Lists revoked clients and secrets whose tokens may still be valid. */
  async revoked(): Promise<RevokedClients> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => ({
      clients: await this.clients.revokedWithin(tx, TOKENS_GONE_AFTER_S),
      secrets: await this.clients.secretsRevokedWithin(tx, TOKENS_GONE_AFTER_S),
    }));
  }

  async list(owner: ClientOwner, page: { limit: number; after?: string | undefined }): Promise<Page<ClientView>> {
    await this.requireBrand(owner);
    const after = page.after === undefined ? '' : String(decodeCursor(page.after, 1)[0]);
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const rows = await this.clients.list(tx, owner.brand, after, page.limit);
      const found = pageOf(rows, page.limit, (client) => [client.clientId]);
      const secrets = await this.clients.liveSecrets(
        tx,
        found.data.map((client) => client.clientId),
      );
      return { ...found, data: found.data.map((client) => viewOf(client, secrets.get(client.clientId) ?? [])) };
    });
  }

  /** Revokes a client. Its tokens become invalid too: every service learns of it within seconds. */
  async revoke(owner: ClientOwner, clientId: string): Promise<void> {
    await this.withClient(owner, clientId, async (tx) => {
      await this.requireAnother(tx, owner, clientId);
      await this.clients.revoke(tx, clientId);
    });
  }

  /**
   * Adds a secret to a client: an operator client adds one to itself; for a client of a brand it needs two people.
   * @throws DomainError `client_secret_limit` if two secrets are live, `client_not_own` for another operator client
   */
  async addSecret(owner: ClientOwner, clientId: string): Promise<NewSecretView> {
    return this.approvals.guarded((approve) =>
      this.withClient(owner, clientId, async (tx, client) => {
        if (owner.brand === null && owner.asker !== clientId) fail('client_not_own');
        if (client.jwks !== null) {
          fail('validation_failed', { detail: 'The client signs assertions with its own key; it has no secret.' });
        }
        const live = (await this.clients.liveSecrets(tx, [clientId])).get(clientId) ?? [];
        if (live.length >= MOST_LIVE_SECRETS) fail('client_secret_limit');
        const secret = await this.issueSecret(tx, client, owner.asker);
        if (owner.brand !== null) {
          const payload = { brand: owner.brand, client: clientId, name: client.name, scopes: client.scopes };
          await approve(tx, { act: 'brand_client.secret', maker: owner.asker, payload });
        }
        return secret;
      }),
    );
  }

  async revokeSecret(owner: ClientOwner, clientId: string, secretId: string): Promise<void> {
    await this.withClient(owner, clientId, async (tx) => {
      if (!(await this.clients.revokeSecret(tx, clientId, secretId))) fail('not_found');
      const left = (await this.clients.liveSecrets(tx, [clientId])).size;
      if (left === 0) await this.requireAnother(tx, owner, clientId);
    });
  }

  private async issueSecret(tx: EntityManager, client: Client, madeBy: string): Promise<NewSecretView> {
    const clientSecret = newClientSecret();
    const hash = hashClientSecret(clientSecret);
    const info = await this.clients.addSecret(tx, client, { id: newId('cs'), hash, madeBy });
    return { secretId: info.secretId, clientSecret, createdAt: info.createdAt.toISOString() };
  }

  private async requireBrand(owner: ClientOwner): Promise<void> {
    if (owner.brand !== null && (await this.brands.get(owner.brand)) === null) fail('not_found');
  }

  /** Locks and returns the operator's live clients. A revoked client is not among them, even while its last token is valid. */
  private async lockOperator(tx: EntityManager, asker: string): Promise<Client[]> {
    const live = await this.clients.lockOfOperator(tx);
    return live.some((client) => client.clientId === asker) ? live : fail('token_invalid');
  }

  /**
   * Refuses to remove the credentials of an operator client if no other client could then log in, or if the caller is that client.
   * This prevents locking out the operator by mistake.
   */
  private async requireAnother(tx: EntityManager, owner: ClientOwner, clientId: string): Promise<void> {
    if (owner.brand !== null) return;
    if (!(await this.clients.operatorHasAnother(tx, clientId))) fail('last_operator_client');
    if (owner.asker === clientId) fail('own_client');
  }

  private withClient<T>(
    owner: ClientOwner,
    clientId: string,
    work: (tx: EntityManager, client: Client) => Promise<T>,
  ): Promise<T> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const client =
        owner.brand === null
          ? (await this.lockOperator(tx, owner.asker)).find((live) => live.clientId === clientId)
          : await this.clients.lockOfBrand(tx, owner.brand, clientId);
      return client === undefined || client === null ? fail('not_found') : work(tx, client);
    });
  }
}

function viewOf(client: Client, secrets: readonly (SecretInfo | NewSecretView)[]): ClientView {
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
