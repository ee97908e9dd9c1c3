import { Inject, Injectable } from '@nestjs/common';

import { limitsAt, MemberLinks } from '#libs/directory';
import { CONFIG } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { AllianceClock, fail, formatInstant, instantOrNull, requestHash, uuidv7For } from '#libs/kernel';

import type { LedgerConfig } from '../ledger.config.js';
import { WireIdsService } from '../ids/wire-ids.service.js';
import { IssuanceService } from '../limits/issuance.service.js';
import type { Issuance } from '../limits/issuance.service.js';
import { isNetworkReason } from '../postings/lot-reasons.js';
import type { Accrual, PostingOutcome } from '../postings/posting.js';
import { PostingsService } from '../postings/postings.service.js';
import { KnownOperationsService } from '../replies/known-operations.service.js';
import { replyTo } from '../replies/reply.js';
import { expiryOf } from '../rules/expiry.js';
import { checkFacts, issuingTerms, requireIssuer, TradingService } from '../trading/trading.service.js';
import type { GrantAnswer } from './grants.answers.js';
import { placeFrom } from './grants.dto.js';
import type { GrantDto } from './grants.dto.js';

/** Gives points without a purchase: for signing up, a review, checking in, goodwill. The granting brand is the issuer. */
@Injectable()
export class GrantsService {
  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly clock: AllianceClock,
    private readonly trading: TradingService,
    private readonly links: MemberLinks,
    private readonly postings: PostingsService,
    private readonly known: KnownOperationsService,
    private readonly ids: WireIdsService,
    private readonly issuances: IssuanceService,
  ) {}

  async give(call: KeyedCall, grant: GrantDto): Promise<Reply<GrantAnswer>> {
    const content = requestHash([
      'grant',
      grant.memberRef,
      BigInt(grant.points),
      grant.reason,
      grant.campaign ?? null,
      // a grant without a time takes effect when it is received, so a repeat has the same content at a different time
      instantOrNull(grant.occurredAt),
      instantOrNull(grant.expiresAt),
      grant.places?.map(placeFrom) ?? null,
    ]);
    const asked = {
      kind: 'grant' as const,
      brand: call.brand,
      externalId: grant.externalId,
      transportKey: call.key ?? null,
      requestHash: () => content,
    };
    const outcome = await this.known.orFirstAnswer(asked, () => this.post(call, grant, content));
    return replyTo(outcome, 201, () => ({ id: this.ids.out('gr', outcome.subjectId), points: grant.points }));
  }

  private async post(call: KeyedCall, grant: GrantDto, content: Buffer): Promise<PostingOutcome> {
    const { brand: slug, client, key } = call;
    const { externalId, memberRef, reason } = grant;
    const now = this.clock.now();
    const campaign = grant.campaign ?? null;
    const occurredAt = instantOrNull(grant.occurredAt) ?? now;
    const asked = instantOrNull(grant.expiresAt);
    if (isNetworkReason(reason)) {
      const detail = 'The network itself gives points for this reason.';
      fail('validation_failed', { errors: [{ pointer: '/reason', code: 'not_allowed', detail }] });
    }
    const brand = await this.trading.earning(slug);
    checkFacts(brand, { occurredAt }, now);
    requireIssuer(brand, occurredAt);
    const places = grant.places?.map(placeFrom);
    if (places !== undefined) await this.trading.checkPlaces(brand, places);
    const link = await this.links.ofBrand(slug, memberRef);
    if (asked !== null && asked <= now) {
      const detail = 'The points would already have expired.';
      fail('validation_failed', { errors: [{ pointer: '/expiresAt', code: 'out_of_range', detail }] });
    }
    const expiresAt = asked && expiryOf({ kind: 'fixed', at: asked }, occurredAt, this.config.zone);
    const accrual: Omit<Accrual & { kind: 'grant' }, 'day'> = {
      kind: 'grant',
      id: uuidv7For(link.walletId),
      brand: slug,
      issuer: slug,
      externalId,
      requestHash: content,
      transportKey: key ?? null,
      result: {},
      walletId: link.walletId,
      memberRef,
      store: null,
      occurredAt,
      postedAt: now,
      lots: [
        {
          id: uuidv7For(link.walletId),
          terms: issuingTerms(brand, occurredAt, now),
          points: BigInt(grant.points),
          availableFrom: null,
          expiresAt,
          campaign,
          reason,
          ...(places === undefined ? {} : { places }),
        },
      ],
    };
    const issuance: Issuance = {
      kind: 'grant',
      brand: slug,
      client,
      externalId,
      memberRef,
      points: BigInt(grant.points),
      operatorPoints: 0n,
      limits: limitsAt(brand, now),
      now,
      figures: () => ({ reason, campaign, expiresAt: expiresAt === null ? null : formatInstant(expiresAt) }),
      content: () => content,
    };
    return this.issuances.within(issuance, (day) => this.postings.accrue({ ...accrual, day }));
  }
}
