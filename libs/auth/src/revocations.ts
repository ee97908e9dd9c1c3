import { Logger } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Job } from '#libs/jobs';
import type { InternalClient } from './internal-client.js';

/** With the time limit of an internal call beside it well below the five seconds after which a revoked client is out. */
const EVERY_MS = 1_500;

/** Clients, and secrets of clients, revoked within the life of a token, as identity answers it. */
export interface RevokedClients {
  readonly clients: readonly string[];
  readonly secrets: readonly string[];
}

/**
 * Which clients were revoked while a token of theirs may still be about. Asked from identity all the time: a token carries no
 * news. While identity cannot be asked, what was known stays known, and calls go on: tills don't wait for identity.
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

  /** Resolves once identity was asked for the first time, whatever came of it. */
  ready(): Promise<void> {
    return this.first ?? Promise.resolve();
  }

  /** Whether a client, or a secret of one, was revoked: their ids are never the same. */
  has(id: string): boolean {
    return this.revoked.has(id);
  }

  private async ask(stopping: AbortSignal): Promise<void> {
    try {
      const answer = await this.client.get<Partial<RevokedClients>>(`${this.identityUrl}/internal/v1/revoked-clients`);
      // whoever answers otherwise is not identity, and must not set anybody free
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
