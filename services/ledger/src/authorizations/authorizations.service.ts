import { Injectable } from '@nestjs/common';

import { MemberLinks } from '#libs/directory';
import type { Reply } from '#libs/http';
import {
  AllianceClock,
  Decimal,
  fail,
  formatInstant,
  MICRO_SCALE,
  pointsToJson,
  requestHash,
  uuidv7For,
} from '#libs/kernel';

import { WireIdsService } from '../ids/wire-ids.service.js';
import type { PostingOutcome } from '../postings/posting.js';
import { contractTerms } from '../postings/contract-terms.js';
import { PostingsService } from '../postings/postings.service.js';
import { QuotesService } from '../quotes/quotes.service.js';
import type { Quote } from '../quotes/quote.js';
import { KnownOperationsService } from '../replies/known-operations.service.js';
import { replyTo } from '../replies/reply.js';
import { checkFacts, redeemerContract, TradingService } from '../trading/trading.service.js';
import type { DirectAsk } from './authorization.js';
import type { AuthorizationAnswer } from './authorizations.answers.js';
import { AuthorizationsReaderService } from './authorizations-reader.service.js';
import { DEFAULT_TTL, directAskFrom } from './authorizations.dto.js';
import type { AuthorizationDto } from './authorizations.dto.js';

/** The request, in either form. */
interface Ask {
  memberRef: string;
  walletId: string;
  store: string | null;
  points: bigint;
  quoteId: string | null;
  quotedReimbursement: string | null;
}

/** Stored with the authorization's key for replays: its expiry depends on when it was first requested. */
interface AuthorizationTemplate {
  points: number;
  expiresAt: string;
}

/** Reserves points for a purchase under way. */
@Injectable()
export class AuthorizationsService {
  constructor(
    private readonly clock: AllianceClock,
    private readonly trading: TradingService,
    private readonly links: MemberLinks,
    private readonly quotes: QuotesService,
    private readonly reader: AuthorizationsReaderService,
    private readonly postings: PostingsService,
    private readonly known: KnownOperationsService,
    private readonly ids: WireIdsService,
  ) {}

  async authorize(
    slug: string,
    body: AuthorizationDto,
    transportKey: string | undefined,
  ): Promise<Reply<AuthorizationAnswer>> {
    const asked = {
      kind: 'authorization' as const,
      brand: slug,
      externalId: body.externalId,
      transportKey: transportKey ?? null,
      requestHash: () => this.contentThen(slug, body),
    };
    const outcome = await this.known.orFirstAnswer(asked, () => this.post(slug, body, transportKey));
    return replyTo(outcome, 201, () => ({
      id: this.ids.out('au', outcome.subjectId),
      externalId: body.externalId,
      status: 'authorized',
      points: (outcome.result as AuthorizationTemplate).points,
      captured: 0,
      expiresAt: (outcome.result as AuthorizationTemplate).expiresAt,
      wallet: { available: pointsToJson(outcome.numbers.available), held: pointsToJson(outcome.numbers.held) },
    }));
  }

  private async post(slug: string, body: AuthorizationDto, transportKey: string | undefined): Promise<PostingOutcome> {
    const now = this.clock.now();
    const brand = await this.trading.redeeming(slug);
    const contract = redeemerContract(brand, now);
    const direct = directAskFrom(body);
    if (direct !== null) checkFacts(brand, { storeRef: direct.storeRef }, now);
    const ask = await this.resolve(slug, body, direct);
    const ttl = body.ttlSeconds ?? DEFAULT_TTL;
    const expiresAt = new Date(now.getTime() + ttl * 1000);
    const id = uuidv7For(ask.walletId);
    const outcome = await this.postings.authorize({
      id,
      brand: slug,
      externalId: body.externalId,
      requestHash: contentOf(ask, ttl),
      transportKey: transportKey ?? null,
      result: { points: pointsToJson(ask.points), expiresAt: formatInstant(expiresAt) } satisfies AuthorizationTemplate,
      walletId: ask.walletId,
      memberRef: ask.memberRef,
      store: ask.store,
      points: ask.points,
      occurredAt: now,
      postedAt: now,
      expiresAt,
      quoteId: ask.quoteId,
      quotedReimbursement: ask.quotedReimbursement,
      terms: contractTerms(slug, contract),
    });
    if (outcome.verdict === 'created' && !outcome.replayed) {
      const { memberRef, walletId, store, points } = ask;
      this.reader.remember({
        id,
        brand: slug,
        walletId,
        memberRef,
        store,
        externalId: body.externalId,
        points,
        authorizedAt: now,
        expiresAt,
      });
    }
    return outcome;
  }

  /** The content of a call that is refused now, as it was while the member was linked and the quote valid; null if it never was. */
  private async contentThen(slug: string, body: AuthorizationDto): Promise<Buffer | null> {
    const ttl = body.ttlSeconds ?? DEFAULT_TTL;
    const direct = directAskFrom(body);
    const quote = direct === null ? await this.quotes.find(slug, body.quoteId ?? '') : null;
    const memberRef = direct?.memberRef ?? quote?.memberRef;
    const link = memberRef === undefined ? null : await this.links.everOfBrand(slug, memberRef);
    if (link === null) return null;
    return contentOf(
      direct === null ? quotedAsk(quote ?? fail('not_found'), link.walletId) : directlyAsked(direct, link.walletId),
      ttl,
    );
  }

  private async resolve(slug: string, body: AuthorizationDto, direct: DirectAsk | null): Promise<Ask> {
    if (direct !== null) return directlyAsked(direct, (await this.links.ofBrand(slug, direct.memberRef)).walletId);
    const quote = await this.quotes.take(slug, body.quoteId ?? '');
    return quotedAsk(quote, (await this.links.ofBrand(slug, quote.memberRef)).walletId);
  }
}

function contentOf(ask: Ask, ttl: number): Buffer {
  return requestHash(['authorization', ask, ttl]);
}

function directlyAsked({ memberRef, storeRef: store, points }: DirectAsk, walletId: string): Ask {
  return { memberRef, walletId, store, points, quoteId: null, quotedReimbursement: null };
}

function quotedAsk({ id, memberRef, store, points, reimbursementMicro }: Quote, walletId: string): Ask {
  const price = Decimal.fromScaled(reimbursementMicro, MICRO_SCALE).toString();
  return { memberRef, walletId, store, points, quoteId: id, quotedReimbursement: price };
}
