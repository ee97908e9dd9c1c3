import { Injectable } from '@nestjs/common';
import { Approvals } from '#libs/http';
import type { PageQuery, ParkedEvent } from '#libs/http';
import { decodeCursor, fail, pageOf } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { currentContext } from '#libs/observability';
import { NetworkClient } from '../network/network.client.js';
import type { ServiceName } from '../network/network.client.js';

const PATIENCE_MS = 10_000;
const RECORD_ID = /^[1-9]\d{0,17}$/;

/**
 * Parked events: those that a service could not handle. Each service stores its own, with the record of the operator's decisions.
 */
@Injectable()
export class ParkedService {
  constructor(
    private readonly network: NetworkClient,
    private readonly approvals: Approvals,
  ) {}

  /**
   * Lists events by service, each service's oldest first.
   * @throws DomainError `cursor_invalid`; `unavailable` if a service does not answer
   */
  async page({ limit, after }: PageQuery): Promise<Page<ParkedEvent>> {
    const from = after === undefined ? { service: '', id: '0' } : positionIn(after);
    const services = this.network.services.filter((service) => service >= from.service).sort();
    const parts = await Promise.all(
      services.map((service) => this.eventsOf(service, service === from.service ? from.id : '0', limit + 1)),
    );
    return pageOf(parts.flat(), limit, ({ service, id }) => [service, id]);
  }

  /**
   * Sets aside an event of the list. Two people, because cycles are then frozen without it. A repeat of a call that was carried out
   * changes nothing but the service's record, in which the first may stand without its outcome.
   * @throws DomainError `second_person_needed`, `not_found`, `unavailable`
   */
  async setAside(service: string, id: string, by: string, reason: string): Promise<void> {
    const name = this.named(service);
    if (!RECORD_ID.test(id)) fail('not_found');
    const [next] = await this.eventsOf(name, String(BigInt(id) - 1n), 1);
    const found = next?.id === id ? next : fail('not_found');
    const { eventId, topic, key } = found;
    const act = { ...actOf(by), eventId, reason };
    if (found.setAside?.by === by && found.setAside.reason === reason) return this.act(name, id, 'set-aside', act);
    if (found.status === 'set_aside') fail('not_found');
    const payload = { service: name, record: id, eventId, topic, key, reason };
    const approval = await this.approvals.given({ act: 'parked_event.set_aside', maker: by, payload });
    await this.act(name, id, 'set-aside', act);
    await this.approvals.tell(approval.id);
  }

  /** @throws DomainError `not_found`, `unavailable` */
  async retry(service: string, id: string, by: string): Promise<void> {
    await this.act(this.named(service), id, 'retry', actOf(by));
  }

  private async act(service: ServiceName, id: string, act: string, body: object): Promise<void> {
    if (!RECORD_ID.test(id)) fail('not_found');
    await this.network.tell(service, `/internal/v1/parked/${id}/${act}`, body, PATIENCE_MS);
  }

  private eventsOf(service: ServiceName, after: string, limit: number): Promise<ParkedEvent[]> {
    return this.network.ask(service, `/internal/v1/parked?after=${after}&limit=${limit}`, PATIENCE_MS);
  }

  private named(service: string): ServiceName {
    return this.network.services.find((known) => known === service) ?? fail('not_found');
  }
}

function positionIn(cursor: string): { service: string; id: string } {
  const [service, id] = decodeCursor(cursor, 2);
  return typeof service === 'string' && typeof id === 'string' && RECORD_ID.test(id)
    ? { service, id }
    : fail('cursor_invalid');
}

function actOf(by: string) {
  return { by, requestId: currentContext()?.requestId ?? 'none' };
}
