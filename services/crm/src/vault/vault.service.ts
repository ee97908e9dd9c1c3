import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG } from '#libs/http';
import { uuidv7 } from '#libs/kernel';
import type { Contact, ContactKind } from '../contacts/contact.js';
import type { Proof } from '../contacts/proof.js';
import type { CrmConfig } from '../crm.config.js';
import type { MemberLink } from '../links/link.js';
import { withCurrent } from './keyring.js';
import type { Keyring } from './keyring.js';
import { acceptedHashes, contentHash, currentHash, lockKey, open, seal } from './sealing.js';
import type { Hashed } from './sealing.js';
import { VaultRepository } from './vault.repository.js';
import type { EndedLink, Suppression, ToldSuppression } from './suppression.js';
import type { MemberName } from './vault.repository.js';
import type { ContactParcel, ParcelHash } from './contact-parcel.js';

/** The part of the configuration that only the vault uses. */
export type VaultSecrets = Pick<CrmConfig, 'vaultKeys' | 'vaultPeppers' | 'vaultPepperCurrent'>;

/** Number of contact points that a batch changed, and the start of the next batch (null at the end). */
export interface RotatedBatch {
  readonly done: number;
  readonly next: string | null;
}

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** Identities of persons. It stores contact points and never returns one. */
@Injectable()
export class VaultService {
  private readonly keys: Keyring;
  private readonly peppers: Keyring;

  constructor(
    @Inject(CONFIG) config: VaultSecrets,
    private readonly repository: VaultRepository,
  ) {
    this.keys = config.vaultKeys;
    this.peppers =
      config.vaultPepperCurrent === null
        ? config.vaultPeppers
        : withCurrent(config.vaultPeppers, config.vaultPepperCurrent);
  }

  /** A vault for commands, which run outside the service's application. */
  static standalone(secrets: VaultSecrets): VaultService {
    return new VaultService(secrets, new VaultRepository());
  }

  /** Adds a contact point to a person. Returns its id. A contact point held by another person stays there. */
  attach(tx: EntityManager, kind: ContactKind, parcel: ContactParcel, personId: string, at: Date): Promise<string> {
    return this.repository.attach(tx, kind, parcel, personId, at);
  }

  /** The brand's other member for whom it has proven one of this member's proven contact points. */
  duplicateOf(tx: EntityManager, link: MemberLink): Promise<MemberName | null> {
    return this.repository.duplicateOf(tx, {
      brand: link.brand,
      memberRef: link.memberRef,
      hasPhone: link.phoneId !== null,
      phoneId: link.phoneProven ? link.phoneId : null,
      emailId: link.emailProven ? link.emailId : null,
    });
  }

  /**
   * Erases a contact point of a link as it was before a change, unless another link uses it. A keyed hash remains until the link
   * ends.
   */
  replaced(tx: EntityManager, before: MemberLink, contactId: string): Promise<void> {
    return this.repository.replaced(tx, before, contactId);
  }

  /**
   * Runs after a link ended. Erases data that only this link used, and with the last link the whole person. Keyed hashes remain and
   * are returned: with consents up to `since`, the external id and all contact points ever sent for it can no longer join this
   * brand.
   */
  leave(tx: EntityManager, link: MemberLink, since: Date, at: Date): Promise<Suppression[]> {
    return this.repository.leave(tx, link, since, at);
  }

  /** Stores earlier suppressions. Returns the active links that end by them. */
  suppress(tx: EntityManager, told: readonly ToldSuppression[]): Promise<EndedLink[]> {
    return this.repository.suppress(tx, told);
  }

  /** The time up to which consents do not bring these contact points to the brand; null if all do. `hasPhone`: of the member. */
  withdrawnUntil(
    tx: EntityManager,
    brand: string,
    hasPhone: boolean,
    phone: ContactParcel | null,
    email: ContactParcel | null,
  ): Promise<Date | null> {
    return this.repository.withdrawnUntil(tx, brand, hasPhone, phone, email);
  }

  /** Version of the hash of a request's content. */
  get contentVersion(): number {
    return this.peppers.current;
  }

  /** Keyed hashes of a content in hex by version, under every accepted pepper. */
  keyedHashes(content: unknown): Record<number, string> {
    return Object.fromEntries(
      [...this.peppers.keys.keys()].map((version) => [
        version,
        contentHash(this.peppers, version, content)?.toString('hex') ?? '',
      ]),
    );
  }

  /** Keyed hashes of a brand's external id under every accepted pepper, first the one to store. */
  externalIdHashes(brand: string, externalId: string): ParcelHash[] {
    return this.hashes({ kind: 'external_id', value: `${brand}/${externalId}` });
  }

  /** Moves one batch of contact points to the current pepper and key. Returns the start of the next batch, null at the end. */
  async rotateBatch(tx: EntityManager, after: string | null, limit: number): Promise<RotatedBatch> {
    const rows = await this.repository.contactsToRotate(
      tx,
      this.peppers.current,
      this.keys.current,
      after ?? BEFORE_ALL,
      limit,
    );
    for (const row of rows) {
      const value = open(this.keys, row.contact_id, { keyVersion: row.key_v, bytes: row.value_enc });
      const { version, hash } = currentHash(this.peppers, { kind: row.kind, value });
      const sealed = seal(this.keys, row.contact_id, value);
      await this.repository.rotate(tx, {
        contactId: row.contact_id,
        hashVersion: version,
        hash,
        keyVersion: sealed.keyVersion,
        sealed: sealed.bytes,
      });
    }
    return { done: rows.length, next: rows.at(-1)?.contact_id ?? null };
  }

  /** Faults of the vault by kind; every number must be zero. */
  async audit(tx: EntityManager): Promise<{ name: string; measured: bigint }[]> {
    const lost = await this.repository.suppressionsLost(tx, [...this.peppers.keys.keys()]);
    return [...(await this.repository.audit(tx)), { name: 'suppressions whose pepper is missing', measured: lost }];
  }

  /** A contact point, sealed and hashed, as passed to the database's functions. */
  parcel(contact: Contact, proof: Proof | null): ContactParcel {
    const id = uuidv7();
    const sealed = seal(this.keys, id, contact.value);
    return {
      id,
      key: sealed.keyVersion,
      enc: sealed.bytes.toString('base64'),
      hashes: this.hashes(contact),
      lock: lockKey(this.peppers, contact),
      proof,
    };
  }

  private hashes(content: Hashed): ParcelHash[] {
    return acceptedHashes(this.peppers, content).map(({ version, hash }) => ({ v: version, h: hash.toString('hex') }));
  }
}
