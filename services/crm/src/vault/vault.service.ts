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

/** The part of the configuration that only the vault reads. */
export type VaultSecrets = Pick<CrmConfig, 'vaultKeys' | 'vaultPeppers' | 'vaultPepperCurrent'>;

/** How many contact points a batch changed, and where the next begins (null at the end). */
export interface RotatedBatch {
  readonly done: number;
  readonly next: string | null;
}

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** Who people are. Takes contact points in, never gives one out. */
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

  /** A vault for commands, which run beside the service and not in its application. */
  static standalone(secrets: VaultSecrets): VaultService {
    return new VaultService(secrets, new VaultRepository());
  }

  /** Adds a contact point to a person; returns its id. What another person holds stays there. */
  attach(tx: EntityManager, kind: ContactKind, parcel: ContactParcel, personId: string, at: Date): Promise<string> {
    return this.repository.attach(tx, kind, parcel, personId, at);
  }

  /** The brand's other member for whom it has proven a contact point that it has proven for this one. */
  duplicateOf(tx: EntityManager, link: MemberLink): Promise<MemberName | null> {
    return this.repository.duplicateOf(tx, {
      brand: link.brand,
      memberRef: link.memberRef,
      hasPhone: link.phoneId !== null,
      phoneId: link.phoneProven ? link.phoneId : null,
      emailId: link.emailProven ? link.emailId : null,
    });
  }

  /** Forgets a contact point of a link as it was before a change, unless another link uses it; a keyed hash is left until the link ends. */
  replaced(tx: EntityManager, before: MemberLink, contactId: string): Promise<void> {
    return this.repository.replaced(tx, before, contactId);
  }

  /**
   * After a link ended: forgets what only this link used, and with the last link the whole person. What is left are keyed hashes, which
   * it answers: consents up to `since` bring the external id and all contact points ever sent for it to this brand no more.
   */
  leave(tx: EntityManager, link: MemberLink, since: Date, at: Date): Promise<Suppression[]> {
    return this.repository.leave(tx, link, since, at);
  }

  /** Takes in what was suppressed before, and answers the active links that end by it. */
  suppress(tx: EntityManager, told: readonly ToldSuppression[]): Promise<EndedLink[]> {
    return this.repository.suppress(tx, told);
  }

  /** Until when consents do not bring contact points to the brand; null when all do. `hasPhone`: of the member. */
  withdrawnUntil(
    tx: EntityManager,
    brand: string,
    hasPhone: boolean,
    phone: ContactParcel | null,
    email: ContactParcel | null,
  ): Promise<Date | null> {
    return this.repository.withdrawnUntil(tx, brand, hasPhone, phone, email);
  }

  /** Version under which a request's content is hashed now. */
  get contentVersion(): number {
    return this.peppers.current;
  }

  /** Hex of the keyed hashes of anything by version, under every pepper that is still accepted. */
  keyedHashes(content: unknown): Record<number, string> {
    return Object.fromEntries(
      [...this.peppers.keys.keys()].map((version) => [
        version,
        contentHash(this.peppers, version, content)?.toString('hex') ?? '',
      ]),
    );
  }

  /** Keyed hashes of a brand's external id under every pepper that is still accepted, the one to store first. */
  externalIdHashes(brand: string, externalId: string): ParcelHash[] {
    return this.hashes({ kind: 'external_id', value: `${brand}/${externalId}` });
  }

  /** Brings one batch of contact points under the current pepper and key; returns where to go on, null at the end. */
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

  /** A contact point, sealed and hashed, as the database's functions take it. */
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
