import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { MemberBoundSchema, MemberLinkChangedSchema, SuppressionRecordedSchema, TOPICS } from '#libs/contracts';
import { CONFIG } from '#libs/http';
import { Outbox } from '#libs/messaging';
import type { OutboxEvent } from '#libs/messaging';
import type { CrmConfig } from '../crm.config.js';
import type { Suppression } from '../vault/suppression.js';
import { linkState } from './link.js';
import type { MemberLink } from './link.js';

/** A new link with the person's contributor according to the vault. */
export interface BegunLink {
  readonly memberRef: string;
  readonly brand: string;
  readonly walletId: string;
  readonly at: Date;
  readonly contributor: string;
  readonly boundSince: Date;
  readonly traceparent: string | undefined;
}

/** Publishes links. Events contain only pseudonyms. */
@Injectable()
export class LinkEventsService {
  private readonly log = new Logger(LinkEventsService.name);

  constructor(
    private readonly outbox: Outbox,
    private readonly internal: InternalClient,
    @Inject(CONFIG) private readonly config: Pick<CrmConfig, 'ledgerUrl'>,
  ) {}

  /**
   * Publishes new links. The open binding goes with each, changed or not: sending it only the first time would make contributing an
   * unknown person a different amount of work from contributing a known one.
   */
  began(tx: EntityManager, links: readonly BegunLink[]): Promise<void> {
    return this.outbox.addAll<typeof MemberLinkChangedSchema | typeof MemberBoundSchema>(
      tx,
      links.flatMap((link) => [
        { ...changed({ ...link, status: 'active', version: 1n, updatedAt: link.at }), traceparent: link.traceparent },
        {
          topic: TOPICS.bindings,
          key: link.walletId,
          schema: MemberBoundSchema,
          body: {
            walletId: link.walletId,
            contributorBrand: link.contributor,
            since: timestampFromDate(link.boundSince),
          },
          traceparent: link.traceparent,
        },
      ]),
    );
  }

  /** Publishes the end of a link. The tombstone after it lets the compacted topic forget the member. */
  ended(tx: EntityManager, link: MemberLink, suppressions: readonly Suppression[]): Promise<void> {
    return this.outbox.addAll<typeof MemberLinkChangedSchema | typeof SuppressionRecordedSchema>(tx, [
      ...suppressions.map((suppression) => recorded(link, suppression)),
      changed(link),
      { ...changed(link), body: null },
    ]);
  }

  /** Pushes the end of a link for immediate effect. Best effort: the event says the same a moment later. */
  async push(link: MemberLink): Promise<void> {
    const { memberRef, ...state } = linkState(link);
    try {
      await this.internal.put(`${this.config.ledgerUrl}/internal/v1/links/${memberRef}`, state);
    } catch {
      this.log.warn(`the ledger was not informed of ${memberRef} immediately; it will receive the event`);
    }
  }
}

function recorded(link: MemberLink, suppression: Suppression): OutboxEvent<typeof SuppressionRecordedSchema> {
  const { kind, hashVersion, hash, since, hadPhone } = suppression;
  return {
    topic: TOPICS.suppressions,
    key: `${link.brand}/${kind}/${hashVersion}/${hash.toString('hex')}`,
    schema: SuppressionRecordedSchema,
    body: {
      brand: link.brand,
      kind,
      hashVersion,
      hash,
      since: timestampFromDate(since),
      hadPhone,
      recordedAt: timestampFromDate(link.updatedAt),
    },
  };
}

type Told = Pick<MemberLink, 'memberRef' | 'brand' | 'walletId' | 'status' | 'version' | 'updatedAt'>;

function changed(link: Told): OutboxEvent<typeof MemberLinkChangedSchema> {
  return {
    topic: TOPICS.links,
    key: link.memberRef,
    schema: MemberLinkChangedSchema,
    body: {
      memberRef: link.memberRef,
      brand: link.brand,
      walletId: link.walletId,
      status: link.status,
      version: link.version,
      changedAt: timestampFromDate(link.updatedAt),
    },
  };
}
