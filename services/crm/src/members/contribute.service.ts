import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory, mayEarn } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { IdempotentOutcome, Outcome } from '#libs/http';
import { AllianceClock, fail, randomRef, uuidv7 } from '#libs/kernel';
import { joinConsent } from '../consents/consent.js';
import type { Consent } from '../consents/consent.js';
import { ConsentsService } from '../consents/consents.service.js';
import type { MemberLink } from '../links/link.js';
import { LinksService } from '../links/links.service.js';
import { VaultService } from '../vault/vault.service.js';
import { contentOf, createdView } from './member.js';
import type { Contribution } from './member.js';

/** Who contributes, and with which transport key. */
export interface ContributeCall {
  readonly brand: string;
  readonly caller: string;
  readonly key: string | undefined;
}

/** How often a call looks again when a twin of it was faster. Each look finds what the twin left. */
const LOOKS = 5;

/** Another call made the same member first; what this one did is rolled back and done again. */
class TwinWasFaster extends Error {}

/**
 * A brand brings a member into the pool. Its answer, and the work behind it, are the same whether or not the alliance
 * knew the person: the only refusals rest on what this very brand sent before.
 */
@Injectable()
export class ContributeService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(BrandDirectory) private readonly brands: BrandDirectory,
    @Inject(LinksService) private readonly links: LinksService,
    @Inject(ConsentsService) private readonly consents: ConsentsService,
    @Inject(VaultService) private readonly vault: VaultService,
    @Inject(AllianceClock) private readonly clock: AllianceClock,
  ) {}

  /** @throws DomainError `brand_suspended` unless the brand may contribute now */
  async requireContributor(slug: string): Promise<void> {
    const brand = this.brands.peek(slug) ?? (await this.brands.get(slug));
    if (brand === null || !mayEarn(brand)) fail('brand_suspended');
  }

  async contribute(call: ContributeCall, contribution: Contribution): Promise<IdempotentOutcome> {
    if (contribution.phone === null && contribution.email === null) fail('contact_required');
    this.consents.check(contribution.consents, (index) => `/consents/${index}`);
    const join = joinConsent(contribution.consents) ?? fail('consent_required');
    const content = contentOf(contribution);
    // the hash is keyed, as the record of a transport key must not tell who was contributed either
    const body = this.vault.contentHash(this.vault.contentVersion, content)?.toString('hex');
    for (let look = 1; ; look += 1) {
      let repeated = false;
      try {
        const outcome = await idempotent(
          this.dataSource,
          { ...call, route: 'members.contribute', body },
          async (tx) => {
            const earlier = await this.links.newestOf(tx, call.brand, contribution.externalId);
            repeated = earlier !== null && this.repeats(earlier, content, join);
            return earlier !== null && repeated
              ? created(earlier)
              : this.admit(tx, call.brand, contribution, content, join);
          },
        );
        return { ...outcome, replayed: outcome.replayed || repeated };
      } catch (error) {
        if (!(error instanceof TwinWasFaster)) throw error;
        if (look === LOOKS) fail('idempotency_in_progress', { retryAfter: 1 });
      }
    }
  }

  /**
   * Whether the call repeats an earlier contribution. The id is the brand's for ever, with one way to use it again: a
   * member who left comes back with a consent given since.
   */
  private repeats(earlier: MemberLink, content: unknown, join: Consent): boolean {
    const hash = this.vault.contentHash(earlier.contentVersion, content);
    if (hash?.equals(earlier.contentHash) === true) return true;
    if (earlier.endedAt !== null && join.at >= earlier.endedAt) return false;
    return fail('idempotency_conflict');
  }

  private async admit(
    tx: EntityManager,
    brand: string,
    contribution: Contribution,
    content: unknown,
    join: Consent,
  ): Promise<Outcome> {
    const now = this.clock.now();
    const consents = contribution.consents.map((consent) => ({ id: uuidv7(), consent }));
    const evidenceId = consents.find(({ consent }) => consent === join)?.id ?? fail('consent_required');
    const { phone, email } = contribution;
    const admitted = await this.vault.admit(tx, { brand, phone, email, evidenceId, at: now });
    if ('duplicate' in admitted) {
      if (admitted.duplicate.externalId === contribution.externalId) throw new TwinWasFaster();
      const { memberRef, externalId } = admitted.duplicate;
      return fail('member_exists', { extra: { memberRef, externalId } });
    }
    const contentVersion = this.vault.contentVersion;
    const link: MemberLink = {
      memberRef: randomRef('mb'),
      brand,
      externalId: contribution.externalId,
      personId: admitted.personId,
      walletId: admitted.walletId,
      status: 'active',
      version: 1n,
      phoneId: admitted.phoneId,
      emailId: admitted.emailId,
      attributes: contribution.attributes,
      contentVersion,
      contentHash: this.vault.contentHash(contentVersion, content) ?? fail('internal_error'),
      createdAt: now,
      updatedAt: now,
      endedAt: null,
    };
    if (!(await this.links.begin(tx, link, admitted))) throw new TwinWasFaster();
    await this.consents.record(tx, link, consents);
    return created(link);
  }
}

function created(link: MemberLink): Outcome {
  return { status: 201, body: createdView(link) };
}
