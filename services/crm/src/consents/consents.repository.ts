import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Consent, ConsentPurpose } from './consent.js';
import { CONSENT_EVENTS } from './consents.tables.js';
import type { ConsentEvent } from './consents.tables.js';

/** The current state of a purpose and its start. */
export interface Standing {
  readonly granted: boolean;
  readonly at: Date;
}

/** The append-only record of consents. */
@Injectable()
export class ConsentsRepository {
  async append(tx: EntityManager, events: readonly ConsentEvent[]): Promise<void> {
    await CONSENT_EVENTS.insert(tx, events);
  }

  /** The record of a member, in the order of writing. */
  page(tx: EntityManager, memberRef: string, after: string | null, limit: number): Promise<ConsentEvent[]> {
    return CONSENT_EVENTS.query(
      tx,
      `select * from consent_event where member_ref = $1 and ($2::uuid is null or event_id > $2) order by event_id limit $3`,
      [memberRef, after, limit],
    );
  }

  /** An identical earlier consent. */
  same(tx: EntityManager, memberRef: string, said: Consent): Promise<ConsentEvent | null> {
    const { purpose, at, granted, policyVersion, channel } = said;
    const where = { memberRef, purpose, at, granted, policyVersion, channel };
    return tx.findOne(CONSENT_EVENTS, { where, order: { eventId: 'asc' } });
  }

  /** The current state of a purpose: the latest consent; of two at the same time, the one recorded last. */
  async standing(tx: EntityManager, memberRef: string, purpose: ConsentPurpose): Promise<Standing | null> {
    const rows: Standing[] = await tx.query(
      `select granted, at from consent_event where member_ref = $1 and purpose = $2 order by at desc, event_id desc limit 1`,
      [memberRef, purpose],
    );
    return rows[0] ?? null;
  }
}
