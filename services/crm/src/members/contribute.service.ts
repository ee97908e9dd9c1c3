import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory, attestsAt, mayEarn } from '#libs/directory';
import type { Brand } from '#libs/directory';
import { idempotent, Reply } from '#libs/http';
import type { KeyedCall, Outcome } from '#libs/http';
import { AllianceClock, Batches, fail, randomRef, systemNow, uuidv7 } from '#libs/kernel';
import { currentContext } from '#libs/observability';
import { runInTransaction, sqlState } from '#libs/postgres';
import { joinConsent } from '../consents/consent.js';
import type { Consent } from '../consents/consent.js';
import { ConsentsService } from '../consents/consents.service.js';
import type { ContactKind } from '../contacts/contact.js';
import { checkProofs, proofOf } from '../contacts/proof.js';
import { LinkEventsService } from '../links/link-events.service.js';
import type { ContactParcel } from '../vault/contact-parcel.js';
import { VaultService } from '../vault/vault.service.js';
import { ContributionsRepository, CONCURRENT_DUPLICATE } from './contributions.repository.js';
import type { ContributionItem, ContributionRow } from './contributions.repository.js';
import { contentOf, createdView } from './member.js';
import type { Contribution } from './member.js';
import type { MemberCreatedView } from './members.answers.js';

interface Prepared {
  readonly item: ContributionItem;
  /** Keyed hash of the content, hex. */
  readonly hash: string;
  readonly traceparent: string | undefined;
}

/** How often a call retries after a faster concurrent duplicate. Each retry finds that one's result. */
const LOOKS = 5;
/** Small enough that a batch takes milliseconds and holds few locks. */
const LIMITS = { batch: 64, queue: 5_000 };
/** The batch's own context shows no rows: the function enters the context of each item's brand. */
const NOBODY = '';

/**
 * Contributes members to the pool. Neither the answer nor the work behind it depends on whether the alliance knew the person.
 * Refusals depend only on what this brand sent before.
 */
@Injectable()
export class ContributeService {
  private readonly batches = new Batches<Prepared, ContributionRow>(
    (batch) => runInTransaction(this.dataSource, { brand: NOBODY }, (tx) => this.write(tx, batch)),
    LIMITS,
  );

  constructor(
    private readonly dataSource: DataSource,
    private readonly brands: BrandDirectory,
    private readonly contributions: ContributionsRepository,
    private readonly events: LinkEventsService,
    private readonly consents: ConsentsService,
    private readonly vault: VaultService,
    private readonly clock: AllianceClock,
  ) {}

  /** @throws DomainError `brand_suspended` if the brand may not contribute now */
  async requireContributor(slug: string): Promise<Brand> {
    const brand = this.brands.peek(slug) ?? (await this.brands.get(slug));
    return brand !== null && mayEarn(brand) ? brand : fail('brand_suspended');
  }

  async contribute(call: KeyedCall, brand: Brand, contribution: Contribution): Promise<Reply<MemberCreatedView>> {
    if (contribution.phone === null && contribution.email === null) fail('contact_required');
    this.consents.check(contribution.consents, (index) => `/consents/${index}`);
    checkProofs(contribution.verified, contribution, this.clock.now(), systemNow());
    const join = joinConsent(contribution.consents) ?? fail('consent_required');
    const prepared = this.prepare(brand, contribution, join);
    for (let look = 1; ; look += 1) {
      try {
        return await (call.key === undefined ? this.together(prepared) : this.alone(call, prepared));
      } catch (error) {
        if (sqlState(error) !== CONCURRENT_DUPLICATE) throw error;
        if (look === LOOKS) fail('idempotency_in_progress', { retryAfter: 1 });
      }
    }
  }

  private async together(prepared: Prepared): Promise<Reply<MemberCreatedView>> {
    const row = await this.batches.add(prepared);
    const { status, body } = answered(row);
    return new Reply(status, body, row.outcome === 'repeated');
  }

  /** Contributes with an idempotency key, whose record belongs in the same transaction. */
  private async alone(call: KeyedCall, prepared: Prepared): Promise<Reply<MemberCreatedView>> {
    let repeated = false;
    // the hash is keyed, because the record of an idempotency key must not reveal who was contributed
    const outcome = await idempotent(
      this.dataSource,
      { ...call, route: 'members.contribute', body: prepared.hash },
      async (tx) => {
        const [row] = await this.write(tx, [prepared]);
        if (row === undefined) throw new Error('a contribution was not answered');
        repeated = row.outcome === 'repeated';
        return answered(row);
      },
    );
    return outcome.orRepeated(repeated);
  }

  /** Does the expensive work that needs no database. */
  private prepare(brand: Brand, contribution: Contribution, join: Consent): Prepared {
    const { externalId, attributes } = contribution;
    const now = this.clock.now();
    const attests = attestsAt(brand, now);
    const parcel = (kind: ContactKind): ContactParcel | null => {
      const value = contribution[kind];
      if (value === null) return null;
      return this.vault.parcel({ kind, value }, proofOf(kind, contribution.verified, attests, now));
    };
    const hashes = this.vault.keyedHashes(contentOf(contribution));
    const version = this.vault.contentVersion;
    const hash = hashes[version] ?? fail('internal_error');
    const consents = contribution.consents.map((consent) => ({ id: uuidv7(), consent }));
    const item: ContributionItem = {
      brand: brand.slug,
      external_id: externalId,
      join_at: join.at,
      keys: this.vault.externalIdHashes(brand.slug, externalId),
      hashes,
      content_v: version,
      content_h: `\\x${hash}`,
      member_ref: randomRef('mb'),
      person_id: uuidv7(),
      wallet_id: uuidv7(),
      binding_id: uuidv7(),
      evidence_id: consents.find(({ consent }) => consent === join)?.id ?? fail('consent_required'),
      phone: parcel('phone'),
      email: parcel('email'),
      attributes,
      consents: consents.map(({ id, consent: { purpose, granted, policyVersion, channel, at } }) => ({
        id,
        purpose,
        granted,
        policy_version: policyVersion,
        channel,
        at,
      })),
    };
    return { item, hash, traceparent: currentContext()?.traceparent };
  }

  private async write(tx: EntityManager, batch: readonly Prepared[]): Promise<ContributionRow[]> {
    const at = this.clock.now();
    const rows = await this.contributions.contribute(
      tx,
      batch.map(({ item }) => item),
      at,
    );
    const begun = rows.flatMap((row) => {
      const from = batch[row.n];
      if (row.outcome !== 'made' || from === undefined) return [];
      const { member_ref: memberRef, wallet_id: walletId, contributor, bound_since: boundSince } = row;
      const { traceparent } = from;
      return [{ memberRef, brand: from.item.brand, walletId, at, contributor, boundSince, traceparent }];
    });
    await this.events.began(tx, begun);
    return rows;
  }
}

/** @throws DomainError for refused contributions */
function answered(row: ContributionRow): Outcome<MemberCreatedView> {
  if (row.outcome === 'conflict') return fail('idempotency_conflict');
  if (row.outcome === 'erased') return fail('member_erased');
  if (row.outcome === 'withdrawn') return fail('consent_withdrawn');
  const { member_ref: memberRef, external_id: externalId } = row;
  if (row.outcome === 'duplicate') return fail('member_exists', { extra: { memberRef, externalId } });
  return { status: 201, body: createdView({ memberRef, externalId, createdAt: row.created_at }) };
}
