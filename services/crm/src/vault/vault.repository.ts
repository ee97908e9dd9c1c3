import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ContactKind } from '../contacts/contact.js';
import type { MemberLink } from '../links/link.js';
import type { ContactParcel } from './contact-parcel.js';
import type { EndedLink, Suppression, ToldSuppression } from './suppression.js';

export interface SealedRow {
  contact_id: string;
  kind: ContactKind;
  value_enc: Buffer;
  key_v: number;
}

export interface RotatedContact {
  readonly contactId: string;
  readonly hashVersion: number;
  readonly hash: Buffer;
  readonly keyVersion: number;
  readonly sealed: Buffer;
}

/** Contact points of a member that a brand has proven; null if not proven. */
export interface ProvenContacts {
  readonly brand: string;
  readonly memberRef: string;
  readonly hasPhone: boolean;
  readonly phoneId: string | null;
  readonly emailId: string | null;
}

/** A member's names at the brand and in the network. */
export interface MemberName {
  readonly memberRef: string;
  readonly externalId: string;
}

/** The only file that accesses the vault, and only through its functions: the service has no right on its tables. */
@Injectable()
export class VaultRepository {
  async attach(
    tx: EntityManager,
    kind: ContactKind,
    contact: ContactParcel,
    personId: string,
    at: Date,
  ): Promise<string> {
    const rows: { id: string }[] = await tx.query('select vault.attach($1, $2, $3, $4) as id', [
      kind,
      JSON.stringify(contact),
      personId,
      at,
    ]);
    return first(rows).id;
  }

  /** The brand's other member with the same proven contact point. */
  async duplicateOf(tx: EntityManager, of: ProvenContacts): Promise<MemberName | null> {
    const rows: { memberRef: string | null; externalId: string | null }[] = await tx.query(
      'select member_ref as "memberRef", external_id as "externalId" from vault.duplicate_of($1, $2, $3, $4, $5)',
      [of.brand, of.memberRef, of.hasPhone, of.phoneId, of.emailId],
    );
    const { memberRef, externalId } = first(rows);
    return memberRef === null || externalId === null ? null : { memberRef, externalId };
  }

  async replaced(tx: EntityManager, link: MemberLink, contactId: string): Promise<void> {
    const { memberRef, personId, phoneId } = link;
    await tx.query('select vault.replaced($1, $2, $3, $4)', [memberRef, contactId, personId, phoneId !== null]);
  }

  leave(tx: EntityManager, link: MemberLink, since: Date, at: Date): Promise<Suppression[]> {
    const { personId, brand, memberRef, phoneId, emailId } = link;
    return tx.query(
      `select kind, h_v as "hashVersion", h as hash, since, had_phone as "hadPhone"
         from vault.leave($1, $2, $3, $4, $5, $6, $7)`,
      [personId, brand, memberRef, phoneId, emailId, since, at],
    );
  }

  suppress(tx: EntityManager, told: readonly ToldSuppression[]): Promise<EndedLink[]> {
    return tx.query('select member_ref as "memberRef", since from vault.suppress($1)', [
      JSON.stringify(
        told.map(({ brand, kind, hashVersion, hash, since, hadPhone, recordedAt }) => ({
          brand,
          kind,
          h_v: hashVersion,
          h: hash.toString('hex'),
          since,
          had_phone: hadPhone,
          recorded_at: recordedAt,
        })),
      ),
    ]);
  }

  async suppressionsLost(tx: EntityManager, versions: readonly number[]): Promise<bigint> {
    const rows: { lost: bigint }[] = await tx.query('select vault.suppressions_lost($1::smallint[]) as lost', [
      versions,
    ]);
    return first(rows).lost;
  }

  async withdrawnUntil(
    tx: EntityManager,
    brand: string,
    hasPhone: boolean,
    phone: ContactParcel | null,
    email: ContactParcel | null,
  ): Promise<Date | null> {
    const rows: { until: Date | null }[] = await tx.query('select vault.withdrawn_until($1, $2, $3, $4) as until', [
      brand,
      hasPhone,
      phone === null ? null : JSON.stringify(phone),
      email === null ? null : JSON.stringify(email),
    ]);
    return first(rows).until;
  }

  contactsToRotate(
    tx: EntityManager,
    hashVersion: number,
    keyVersion: number,
    after: string,
    limit: number,
  ): Promise<SealedRow[]> {
    return tx.query('select * from vault.contacts_to_rotate($1, $2, $3, $4)', [hashVersion, keyVersion, after, limit]);
  }

  async rotate(tx: EntityManager, contact: RotatedContact): Promise<void> {
    await tx.query('select vault.rotate_contact($1, $2, $3, $4, $5)', [
      contact.contactId,
      contact.hashVersion,
      contact.hash,
      contact.keyVersion,
      contact.sealed,
    ]);
  }

  audit(tx: EntityManager): Promise<{ name: string; measured: bigint }[]> {
    return tx.query('select name, measured from vault.audit()');
  }
}

function first<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('a vault function returned no row');
  return row;
}
