import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { AllianceClock, decodeCursor, fail, formatInstant, idFromUuid, pageOf, systemNow, uuidv7 } from '#libs/kernel';
import type { FieldFault, Page } from '#libs/kernel';
import { idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { runInTransaction } from '#libs/postgres';
import type { MemberLink } from '../links/link.js';
import { LinksService } from '../links/links.service.js';
import { repeatedPurposes } from './consent.js';
import type { Consent, ConsentPurpose } from './consent.js';
import type { ConsentView } from './consents.answers.js';
import { ConsentsRepository } from './consents.repository.js';
import type { Standing } from './consents.repository.js';
import type { ConsentEvent } from './consents.tables.js';
import { saidAtFault } from './said-at.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Consents of members. Every consent is kept; the latest counts. */
@Injectable()
export class ConsentsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly consents: ConsentsRepository,
    private readonly links: LinksService,
    private readonly clock: AllianceClock,
  ) {}

  /** Refuses consents with impossible times, and two consents for one purpose. `pointer` gives the place of the n-th in the body. */
  check(consents: readonly Consent[], pointer: (index: number) => string): void {
    const errors: FieldFault[] = [
      ...repeatedPurposes(consents).map((index) => ({
        pointer: `${pointer(index)}/purpose`,
        code: 'duplicate',
        detail: 'Each purpose may be named only once.',
      })),
      ...consents.flatMap(({ at }, index) => {
        const fault = saidAtFault(at, this.clock.now(), systemNow());
        return fault === null ? [] : [{ pointer: `${pointer(index)}/at`, ...fault }];
      }),
    ];
    if (errors.length > 0) fail('validation_failed', { errors });
  }

  /** Appends to the record of a link; the n-th event gets the n-th id. */
  async record(
    tx: EntityManager,
    link: Pick<MemberLink, 'brand' | 'memberRef' | 'personId'>,
    consents: readonly { readonly id: string; readonly consent: Consent }[],
  ): Promise<ConsentEvent[]> {
    const recordedAt = this.clock.now();
    const events = consents.map(({ id, consent }) => ({
      ...consent,
      eventId: id,
      brand: link.brand,
      memberRef: link.memberRef,
      personId: link.personId,
      recordedAt,
    }));
    await this.consents.append(tx, events);
    return events;
  }

  /** Records a member's consent. Withdrawing join_pool ends the link: the member leaves the brand's part of the pool. */
  async add(call: KeyedCall, memberRef: string, consent: Consent): Promise<Reply<ConsentView>> {
    this.check([consent], () => '');
    const before = { said: false };
    const left: { link: MemberLink | null } = { link: null };
    const outcome = await idempotent(
      this.dataSource,
      { ...call, route: 'members.consents.add', body: [memberRef, consent] },
      async (tx) => {
        const link = await this.links.requireLocked(tx, memberRef);
        const same = await this.consents.same(tx, memberRef, consent);
        before.said = same !== null;
        const [event] = same === null ? await this.record(tx, link, [{ id: uuidv7(), consent }]) : [same];
        if (event === undefined) throw new Error('a recorded consent is missing');
        const { granted, at } = await this.joinPool(tx, memberRef);
        left.link = granted ? null : await this.links.end(tx, link, at);
        return { status: 201, body: viewOf(event) };
      },
    );
    if (left.link !== null && !outcome.replayed) await this.links.announceEnd(left.link);
    return outcome.orRepeated(before.said);
  }

  /** The state of the member's join_pool consent, with its time. */
  async joinPool(tx: EntityManager, memberRef: string): Promise<Standing> {
    const standing = await this.consents.standing(tx, memberRef, 'join_pool');
    if (standing === null) throw new Error('a link without a word on join_pool');
    return standing;
  }

  /** Whether the latest consent of a member with an active link grants a purpose. */
  granted(memberRef: string, purpose: ConsentPurpose): Promise<boolean> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      if (!(await this.links.isActive(tx, memberRef))) return false;
      return (await this.consents.standing(tx, memberRef, purpose))?.granted === true;
    });
  }

  list(brand: string, memberRef: string, limit: number, after: string | undefined): Promise<Page<ConsentView>> {
    const position = after === undefined ? null : positionOf(after);
    return runInTransaction(this.dataSource, { brand }, async (tx) => {
      await this.links.require(tx, memberRef);
      const events = await this.consents.page(tx, memberRef, position, limit + 1);
      const page = pageOf(events, limit, (event) => [event.eventId]);
      return { data: page.data.map(viewOf), page: page.page };
    });
  }
}

function positionOf(cursor: string): string {
  const [id] = decodeCursor(cursor, 1);
  return typeof id === 'string' && UUID.test(id) ? id : fail('cursor_invalid');
}

function viewOf(event: ConsentEvent): ConsentView {
  return {
    id: idFromUuid('cn', event.eventId),
    purpose: event.purpose,
    granted: event.granted,
    policyVersion: event.policyVersion,
    channel: event.channel,
    at: formatInstant(event.at),
    recordedAt: formatInstant(event.recordedAt),
  };
}
