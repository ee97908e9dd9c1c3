import { Logger } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Job } from '#libs/jobs';
import type { InternalClient } from './internal-client.js';

/** Together with the timeout of an internal call well below five seconds, the time within which a revoked client is refused. */
const EVERY_MS = 1_500;

/** Clients and client secrets revoked within the lifetime of a token, as returned by identity. */
export interface RevokedClients {
  readonly clients: readonly string[];
  readonly secrets: readonly string[];
}

/**
 * Clients revoked while their tokens may still be valid. Polled from identity, because a token cannot show a later revocation. While
 * identity is unavailable, the known revocations stay in force and calls continue: tills do not wait for identity.
 */
export class Revocations implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger(Revocations.name);
  private revoked: ReadonlySet<string> = new Set();
  private reachable = false;
  private readonly asking = new Job(Revocations.name, EVERY_MS, (stopping) => this.ask(stopping));
  private first: Promise<void> | undefined;

  constructor(
    private readonly client: Pick<InternalClient, 'get'>,
    private readonly identityUrl: string,
  ) {}

  onModuleInit(): void {
    this.first = this.asking.run();
    this.asking.start();
  }

  onModuleDestroy(): void {
    void this.asking.stop();
  }

  /** Resolves after the first request to identity, whatever its result. */
  ready(): Promise<void> {
    return this.first ?? Promise.resolve();
  }

  /** Whether a client or a client secret was revoked; their ids never coincide. */
  has(id: string): boolean {
    return this.revoked.has(id);
  }

  private async ask(stopping: AbortSignal): Promise<void> {
    try {
      const answer = await this.client.get<Partial<RevokedClients>>(`${this.identityUrl}/internal/v1/revoked-clients`);
      // a malformed answer does not come from identity, and must not lift a revocation
      if (!isList(answer?.clients) || !isList(answer.secrets)) throw new Error('no list');
      this.revoked = new Set([...answer.clients, ...answer.secrets]);
      this.reachable = true;
    } catch (error) {
      if (this.reachable && !stopping.aborted) this.log.warn(`identity does not say who was revoked: ${String(error)}`);
      this.reachable = false;
    }
  }
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value);
}
