import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Consent, ConsentPurpose } from './consent.js';

/** A consent with its place in the record. */
export interface ConsentEvent extends Consent {
  readonly eventId: string;
  readonly brand: string;
  readonly memberRef: string;
  readonly personId: string;
  readonly recordedAt: Date;
}

/** What holds for a purpose, and since when. */
export interface Standing {
  readonly granted: boolean;
  readonly at: Date;
}

interface ConsentRow {
  event_id: string;
  brand: string;
  member_ref: string;
  person_id: string;
  purpose: ConsentPurpose;
  granted: boolean;
  policy_version: string;
  channel: string;
  at: Date;
  recorded_at: Date;
}

/** The append-only record of consents. */
@Injectable()
export class ConsentsRepository {
  async append(tx: EntityManager, events: readonly ConsentEvent[]): Promise<void> {
    const column = <K extends keyof ConsentEvent>(key: K): ConsentEvent[K][] => events.map((event) => event[key]);
    await tx.query(
      `insert into consent_event (event_id, brand, member_ref, person_id, purpose, granted, policy_version, channel, at, recorded_at)
       select * from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::boolean[], $7::text[], $8::text[],
                            $9::timestamptz[], $10::timestamptz[])`,
      [
        column('eventId'),
        column('brand'),
        column('memberRef'),
        column('personId'),
        column('purpose'),
        column('granted'),
        column('policyVersion'),
        column('channel'),
        column('at'),
        column('recordedAt'),
      ],
    );
  }

  /** The record of a member in the order in which it was written. */
  async page(tx: EntityManager, memberRef: string, after: string | null, limit: number): Promise<ConsentEvent[]> {
    const rows: ConsentRow[] = await tx.query(
      `select * from consent_event where member_ref = $1 and ($2::uuid is null or event_id > $2) order by event_id limit $3`,
      [memberRef, after, limit],
    );
    return rows.map(eventOf);
  }

  /** The same word said before. */
  async same(tx: EntityManager, memberRef: string, consent: Consent): Promise<ConsentEvent | null> {
    const rows: ConsentRow[] = await tx.query(
      `select * from consent_event
        where member_ref = $1 and purpose = $2 and at = $3 and granted = $4 and policy_version = $5 and channel = $6
        order by event_id limit 1`,
      [memberRef, consent.purpose, consent.at, consent.granted, consent.policyVersion, consent.channel],
    );
    const [row] = rows;
    return row === undefined ? null : eventOf(row);
  }

  /** What holds for a purpose: the latest word, and of two at the same time the one recorded last. */
  async standing(tx: EntityManager, memberRef: string, purpose: ConsentPurpose): Promise<Standing | null> {
    const rows: Standing[] = await tx.query(
      `select granted, at from consent_event where member_ref = $1 and purpose = $2 order by at desc, event_id desc limit 1`,
      [memberRef, purpose],
    );
    return rows[0] ?? null;
  }
}

function eventOf(row: ConsentRow): ConsentEvent {
  return {
    eventId: row.event_id,
    brand: row.brand,
    memberRef: row.member_ref,
    personId: row.person_id,
    purpose: row.purpose,
    granted: row.granted,
    policyVersion: row.policy_version,
    channel: row.channel,
    at: row.at,
    recordedAt: row.recorded_at,
  };
}
