import { Injectable } from '@nestjs/common';
import { Approvals } from '#libs/http';
import type { ParkedEvent } from '#libs/http';
import { fail } from '#libs/kernel';
import { currentContext } from '#libs/observability';
import { NetworkClient } from '../network/network.client.js';
import type { ServiceName } from '../network/network.client.js';

const PATIENCE_MS = 10_000;

/**
 * Parked events: those that a service could not handle. Each service stores its own, with the record of the operator's decisions.
 */
@Injectable()
export class ParkedService {
  constructor(
    private readonly network: NetworkClient,
    private readonly approvals: Approvals,
  ) {}

  /** @throws DomainError `unavailable` if a service does not answer */
  async list(): Promise<ParkedEvent[]> {
    const parts = await this.network.askAll<ParkedEvent[]>('/internal/v1/parked', PATIENCE_MS);
    return parts.flatMap(([, own]) => own);
  }

  /**
   * Sets aside an event of the list. Two people, because cycles are then frozen without it.
   * @throws DomainError `second_person_needed`, `not_found`, `unavailable`
   */
  async setAside(service: string, id: string, by: string, reason: string): Promise<void> {
    const name = this.named(service);
    const listed = await this.network.ask<ParkedEvent[]>(name, '/internal/v1/parked', PATIENCE_MS);
    const found = listed.find((event) => event.id === id && event.status !== 'set_aside') ?? fail('not_found');
    const { eventId, topic, key } = found;
    const payload = { service: name, record: id, eventId, topic, key, reason };
    const approval = await this.approvals.given({ act: 'parked_event.set_aside', maker: by, payload });
    await this.act(name, id, 'set-aside', { ...actOf(by), eventId, reason });
    await this.approvals.tell(approval.id);
  }

  /** @throws DomainError `not_found`, `unavailable` */
  async retry(service: string, id: string, by: string): Promise<void> {
    await this.act(this.named(service), id, 'retry', actOf(by));
  }

  private async act(service: ServiceName, id: string, act: string, body: object): Promise<void> {
    if (!/^\d{1,18}$/.test(id)) fail('not_found');
    await this.network.tell(service, `/internal/v1/parked/${id}/${act}`, body, PATIENCE_MS);
  }

  private named(service: string): ServiceName {
    return this.network.services.find((known) => known === service) ?? fail('not_found');
  }
}

function actOf(by: string) {
  return { by, requestId: currentContext()?.requestId ?? 'none' };
}
