import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { MemberBoundSchema, MemberLinkChangedSchema, TOPICS } from '#libs/contracts';
import { CONFIG } from '#libs/http';
import { Outbox } from '#libs/messaging';
import type { CrmConfig } from '../crm.config.js';
import { linkState } from './link.js';
import type { MemberLink } from './link.js';

/** Who brought a person in, as the vault has it. */
export interface Bound {
  readonly contributor: string;
  readonly boundSince: Date;
}

/** Tells the network of links. An event holds pseudonyms only. */
@Injectable()
export class LinkEvents {
  private readonly log = new Logger(LinkEvents.name);

  constructor(
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(InternalClient) private readonly internal: InternalClient,
    @Inject(CONFIG) private readonly config: Pick<CrmConfig, 'ledgerUrl'>,
  ) {}

  /** The link as it is now, beside the change itself. */
  async changed(tx: EntityManager, link: MemberLink): Promise<void> {
    await this.outbox.add(tx, {
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
    });
  }

  /**
   * The open binding of the wallet. It is told with every contribution, changed or not: telling it only the first time
   * would make contributing an unknown person another amount of work than contributing a known one.
   */
  async bound(tx: EntityManager, walletId: string, bound: Bound): Promise<void> {
    await this.outbox.add(tx, {
      topic: TOPICS.bindings,
      key: walletId,
      schema: MemberBoundSchema,
      body: { walletId, contributorBrand: bound.contributor, since: timestampFromDate(bound.boundSince) },
    });
  }

  /** Lets the end of a link bite at once. Best effort: the event says the same a moment later. */
  async push(link: MemberLink): Promise<void> {
    const { memberRef, ...state } = linkState(link);
    try {
      await this.internal.put(`${this.config.ledgerUrl}/internal/v1/links/${memberRef}`, state);
    } catch {
      this.log.warn(`the ledger was not told of ${memberRef} at once; it will hear by event`);
    }
  }
}
