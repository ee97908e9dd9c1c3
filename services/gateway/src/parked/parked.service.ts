import { Injectable } from '@nestjs/common';
import type { ParkedEvent } from '#libs/http';
import { fail } from '#libs/kernel';
import { currentContext } from '#libs/observability';
import { NetworkClient } from '../network/network.client.js';

const PATIENCE_MS = 10_000;

/**
 * Parked events: those that a service could not handle. Each service stores its own, with the record of the operator's decisions.
 */
@Injectable()
export class ParkedService {
  constructor(private readonly network: NetworkClient) {}

  /** @throws DomainError `unavailable` if a service does not answer */
  async list(): Promise<ParkedEvent[]> {
    const parts = await this.network.askAll<ParkedEvent[]>('/internal/v1/parked', PATIENCE_MS);
    return parts.flatMap(([, own]) => own);
  }

  /** @throws DomainError `not_found`, `unavailable` */
  setAside(service: string, id: string, by: string, reason: string): Promise<void> {
    return this.act(service, id, 'set-aside', { ...actOf(by), reason });
  }

  /** @throws DomainError `not_found`, `unavailable` */
  retry(service: string, id: string, by: string): Promise<void> {
    return this.act(service, id, 'retry', actOf(by));
  }

  private async act(service: string, id: string, act: string, body: object): Promise<void> {
    const name = this.network.services.find((known) => known === service) ?? fail('not_found');
    if (!/^\d{1,18}$/.test(id)) fail('not_found');
    await this.network.tell(name, `/internal/v1/parked/${id}/${act}`, body, PATIENCE_MS);
  }
}

function actOf(by: string) {
  return { by, requestId: currentContext()?.requestId ?? 'none' };
}
