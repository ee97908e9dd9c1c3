import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { MemberLink } from './link.js';

interface LinkRow {
  member_ref: string;
  brand: string;
  external_id: string;
  person_id: string;
  wallet_id: string;
  status: 'active' | 'deleted';
  version: bigint;
  phone_id: string | null;
  email_id: string | null;
  phone_proven: boolean;
  email_proven: boolean;
  attributes: Record<string, string>;
  created_at: Date;
  updated_at: Date;
  ended_at: Date | null;
}

export interface LinkFilter {
  readonly brand: string;
  readonly externalId: string | null;
  readonly updatedAfter: Date | null;
  /** Creation time (RFC 3339) and memberRef of the last row of the page before. */
  readonly after: { readonly createdAt: string; readonly memberRef: string } | null;
  readonly limit: number;
}

/** Links as rows. Every query runs in a context: row-level security hides what is another brand's. */
@Injectable()
export class LinksRepository {
  async find(tx: EntityManager, memberRef: string): Promise<MemberLink | null> {
    const rows: LinkRow[] = await tx.query('select * from member_link where member_ref = $1', [memberRef]);
    return one(rows);
  }

  async findAll(tx: EntityManager, memberRefs: readonly string[]): Promise<MemberLink[]> {
    const rows: LinkRow[] = await tx.query('select * from member_link where member_ref = any ($1)', [memberRefs]);
    return rows.map(linkOf);
  }

  /** The active link, kept from changing until the transaction ends. */
  async lockActive(tx: EntityManager, memberRef: string): Promise<MemberLink | null> {
    const rows: LinkRow[] = await tx.query(
      `select * from member_link where member_ref = $1 and status = 'active' for update`,
      [memberRef],
    );
    return one(rows);
  }

  async page(tx: EntityManager, filter: LinkFilter): Promise<MemberLink[]> {
    const rows: LinkRow[] = await tx.query(
      `select * from member_link
        where brand = $1 and status = 'active'
          and ($2::text is null or external_id = $2)
          and ($3::timestamptz is null or updated_at > $3)
          and ($4::timestamptz is null or (created_at, member_ref) > ($4, $5::text))
        order by created_at, member_ref limit $6`,
      [
        filter.brand,
        filter.externalId,
        filter.updatedAfter,
        filter.after?.createdAt ?? null,
        filter.after?.memberRef ?? null,
        filter.limit,
      ],
    );
    return rows.map(linkOf);
  }

  /** Forgets the first answers to calls about a member: a repeat finds the member gone, and they hold the brand's id. */
  async forgetAnswers(tx: EntityManager, memberRef: string): Promise<void> {
    await tx.query(`delete from idempotency where body->>'memberRef' = $1`, [memberRef]);
  }

  /** Writes what may change of a link. */
  async update(tx: EntityManager, link: MemberLink): Promise<void> {
    await tx.query(
      `update member_link set status = $2, version = $3, phone_id = $4, email_id = $5, attributes = $6, updated_at = $7, ended_at = $8,
              phone_proven = $9, email_proven = $10, external_id = $11
        where member_ref = $1`,
      [
        link.memberRef,
        link.status,
        link.version,
        link.phoneId,
        link.emailId,
        JSON.stringify(link.attributes),
        link.updatedAt,
        link.endedAt,
        link.phoneProven,
        link.emailProven,
        link.externalId,
      ],
    );
  }
}

function one(rows: readonly LinkRow[]): MemberLink | null {
  const [row] = rows;
  return row === undefined ? null : linkOf(row);
}

function linkOf(row: LinkRow): MemberLink {
  return {
    memberRef: row.member_ref,
    brand: row.brand,
    externalId: row.external_id,
    personId: row.person_id,
    walletId: row.wallet_id,
    status: row.status,
    version: row.version,
    phoneId: row.phone_id,
    emailId: row.email_id,
    phoneProven: row.phone_proven,
    emailProven: row.email_proven,
    attributes: row.attributes,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    endedAt: row.ended_at,
  };
}
