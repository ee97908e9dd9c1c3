import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory, attestsAt } from '#libs/directory';
import { ifMatch, versioned } from '#libs/http';
import type { Reply } from '#libs/http';
import { AllianceClock, decodeCursor, fail, pageOf, parseInstant, systemNow } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { ContactKind } from '../contacts/contact.js';
import { checkProofs, proofOf } from '../contacts/proof.js';
import type { Proofs } from '../contacts/proof.js';
import { ConsentsService } from '../consents/consents.service.js';
import type { MemberLink } from '../links/link.js';
import { LinksService } from '../links/links.service.js';
import type { ContactParcel } from '../vault/contact-parcel.js';
import { VaultService } from '../vault/vault.service.js';
import { mergeAttributes } from './attributes.js';
import { memberView, versionTag } from './member.js';
import type { MemberView } from './members.answers.js';

/** A change of a profile: undefined leaves a field, null removes it. Contact points in normalized spelling. */
export interface MemberChange {
  readonly phone: string | null | undefined;
  readonly email: string | null | undefined;
  readonly verified: Proofs;
  readonly attributes: Readonly<Record<string, string | null>> | undefined;
}

export interface MembersFilter {
  readonly externalId: string | undefined;
  readonly updatedAfter: string | undefined;
  readonly after: string | undefined;
  readonly limit: number;
}

/** A brand's own members: read, change, end. */
@Injectable()
export class MembersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly links: LinksService,
    private readonly brands: BrandDirectory,
    private readonly consents: ConsentsService,
    private readonly vault: VaultService,
    private readonly clock: AllianceClock,
  ) {}

  async one(brand: string, memberRef: string): Promise<Reply<MemberView>> {
    return tagged(await runInTransaction(this.dataSource, { brand }, (tx) => this.links.require(tx, memberRef)));
  }

  list(brand: string, filter: MembersFilter): Promise<Page<MemberView>> {
    const after = filter.after === undefined ? null : positionOf(filter.after);
    return runInTransaction(this.dataSource, { brand }, async (tx) => {
      const links = await this.links.page(tx, {
        brand,
        externalId: filter.externalId ?? null,
        updatedAfter: filter.updatedAfter === undefined ? null : parseInstant(filter.updatedAfter),
        after,
        limit: filter.limit + 1,
      });
      const page = pageOf(links, filter.limit, (link) => [link.createdAt.toISOString(), link.memberRef]);
      return { data: page.data.map(memberView), page: page.page };
    });
  }

  /** Changes the brand's data of its member. It never merges persons: a contact point of another person stays there. */
  async change(
    brand: string,
    memberRef: string,
    tag: string | undefined,
    change: MemberChange,
  ): Promise<Reply<MemberView>> {
    const now = this.clock.now();
    checkProofs(change.verified, { phone: change.phone ?? null, email: change.email ?? null }, now, systemNow());
    const known = await this.brands.get(brand);
    const attests = known === null ? [] : attestsAt(known, now);
    return runInTransaction(this.dataSource, { brand }, async (tx) => {
      const link = await this.links.requireLocked(tx, memberRef);
      ifMatch(tag, versionTag(link));
      const parcel = (kind: ContactKind): ContactParcel | null => {
        const value = change[kind];
        return value == null ? null : this.vault.parcel({ kind, value }, proofOf(kind, change.verified, attests, now));
      };
      const parcels = { phone: parcel('phone'), email: parcel('email') };
      const hasPhone = change.phone === undefined ? link.phoneId !== null : change.phone !== null;
      const until = await this.vault.withdrawnUntil(tx, brand, hasPhone, parcels.phone, parcels.email);
      if (until !== null && (await this.consents.joinPool(tx, memberRef)).at <= until) fail('consent_withdrawn');
      const phone = await this.contact(tx, link, 'phone', change.phone, parcels.phone);
      const email = await this.contact(tx, link, 'email', change.email, parcels.email);
      if (phone.id === null && email.id === null) fail('contact_required');
      const attributes = mergeAttributes(link.attributes, change.attributes ?? {}) ?? tooMany();
      const changed = await this.links.change(tx, {
        ...link,
        phoneId: phone.id,
        phoneProven: phone.proven,
        emailId: email.id,
        emailProven: email.proven,
        attributes,
      });
      for (const [before, after] of [
        [link.phoneId, phone.id],
        [link.emailId, email.id],
      ]) {
        if (before != null && before !== after) await this.vault.replaced(tx, link, before);
      }
      return tagged(changed);
    });
  }

  /** Ends the brand's link. The ledger is told before the answer, for immediate effect. */
  async end(brand: string, memberRef: string): Promise<void> {
    const ended = await runInTransaction(this.dataSource, { brand }, async (tx) => {
      const link = await this.links.requireLocked(tx, memberRef);
      // a sandbox's clock may be behind the time of consent
      const { at } = await this.consents.joinPool(tx, memberRef);
      return this.links.end(tx, link, new Date(Math.max(this.clock.now().getTime(), at.getTime())));
    });
    await this.links.announceEnd(ended);
  }

  /** A contact point of a link after a change, and whether the brand has proven it now or before. */
  private async contact(
    tx: EntityManager,
    link: MemberLink,
    kind: ContactKind,
    value: string | null | undefined,
    parcel: ContactParcel | null,
  ): Promise<{ id: string | null; proven: boolean }> {
    const [beforeId, before] = kind === 'phone' ? [link.phoneId, link.phoneProven] : [link.emailId, link.emailProven];
    if (value === undefined) return { id: beforeId, proven: before };
    if (parcel === null) return { id: null, proven: false };
    const id = await this.vault.attach(tx, kind, parcel, link.personId, this.clock.now());
    return { id, proven: parcel.proof !== null || (id === beforeId && before) };
  }
}

function tagged(link: MemberLink): Reply<MemberView> {
  return versioned(memberView(link), versionTag(link));
}

function tooMany(): never {
  return fail('validation_failed', {
    errors: [{ pointer: '/attributes', code: 'too_many', detail: 'The member would have too many attributes.' }],
  });
}

function positionOf(cursor: string): { createdAt: string; memberRef: string } {
  const [createdAt, memberRef] = decodeCursor(cursor, 2);
  if (typeof createdAt !== 'string' || typeof memberRef !== 'string' || parseInstant(createdAt) === null) {
    return fail('cursor_invalid');
  }
  return { createdAt, memberRef };
}
