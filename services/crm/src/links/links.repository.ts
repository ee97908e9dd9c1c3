import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RowOf } from '#libs/postgres';
import type { MemberLink } from './link.js';
import { LINKS } from './links.tables.js';

export interface LinkFilter {
  readonly brand: string;
  readonly externalId: string | null;
  readonly updatedAfter: Date | null;
  /** Creation time (RFC 3339) and memberRef of the previous page's last row. */
  readonly after: { readonly createdAt: string; readonly memberRef: string } | null;
  readonly limit: number;
}

/** Links as rows. Every query runs in a context: row-level security hides other brands' rows. */
@Injectable()
export class LinksRepository {
  async find(tx: EntityManager, memberRef: string): Promise<MemberLink | null> {
    return (await this.findAll(tx, [memberRef]))[0] ?? null;
  }

  async findAll(tx: EntityManager, memberRefs: readonly string[]): Promise<MemberLink[]> {
    return (await LINKS.query(tx, 'select * from member_link where member_ref = any ($1)', [memberRefs])).map(linkOf);
  }

  /** The active link, locked until the transaction ends. */
  async lockActive(tx: EntityManager, memberRef: string): Promise<MemberLink | null> {
    const [link] = await LINKS.query(
      tx,
      `select * from member_link where member_ref = $1 and status = 'active' for update`,
      [memberRef],
    );
    return link === undefined ? null : linkOf(link);
  }

  async page(tx: EntityManager, filter: LinkFilter): Promise<MemberLink[]> {
    const links = await LINKS.query(
      tx,
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
    return links.map(linkOf);
  }

  /**
   * Deletes stored answers to calls about a member. They contain the brand's id, and a repeat gets the answer that the member is
   * gone.
   */
  async forgetAnswers(tx: EntityManager, memberRef: string): Promise<void> {
    await tx.query(`delete from idempotency where body->>'memberRef' = $1`, [memberRef]);
  }

  /** Writes the fields of a link that can change. */
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

/** The fields that the service needs, without the hashes. */
function linkOf({
  keyV: _keyV,
  keyH: _keyH,
  contentV: _contentV,
  contentH: _contentH,
  ...link
}: RowOf<typeof LINKS>): MemberLink {
  return link;
}
