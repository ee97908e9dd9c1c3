import { Injectable } from '@nestjs/common';

import {
  AllianceClock,
  Decimal,
  formatInstant,
  idFromUuid,
  MICRO_SCALE,
  pointsToJson,
  requestHash,
  uuidv7,
} from '#libs/kernel';

import { DueWork } from '../due/due-work.service.js';
import { MemberLinks } from '../links/member-links.service.js';
import { Postings } from '../posting/postings.service.js';
import { Quotes } from '../quotes/quotes.service.js';
import { replyTo } from '../replies/reply.js';
import type { Reply } from '../replies/reply.js';
import { checkFacts, redeemerContract, Trading } from '../trading/trading.service.js';
import { directAsk } from './authorization.js';
import { AuthorizationsReader } from './authorizations-reader.service.js';
import { DEFAULT_TTL } from './authorizations.dto.js';
import type { AuthorizationDto } from './authorizations.dto.js';

/** What is asked for, whichever way it was said. */
interface Ask {
  memberRef: string;
  walletId: string;
  store: string | null;
  points: bigint;
  quoteId: string | null;
  quotedReimbursement: string | null;
}

/** Kept with the authorization's key for replays: its end depends on when it was first asked. */
interface AuthorizationTemplate {
  points: number;
  expiresAt: string;
}

/** Reserves points for a purchase under way. */
@Injectable()
export class Authorizations {
  constructor(
    private readonly clock: AllianceClock,
    private readonly trading: Trading,
    private readonly links: MemberLinks,
    private readonly quotes: Quotes,
    private readonly reader: AuthorizationsReader,
    private readonly due: DueWork,
    private readonly postings: Postings,
  ) {}

  async authorize(slug: string, body: AuthorizationDto, transportKey: string | undefined): Promise<Reply> {
    await this.due.afterClockMove();
    const now = this.clock.now();
    const brand = await this.trading.redeeming(slug);
    redeemerContract(brand, now);
    const direct = directAsk(body);
    if (direct !== null) checkFacts(brand, { storeRef: direct.storeRef }, now);
    const ask = await this.resolve(slug, body, direct);
    const ttl = body.ttlSeconds ?? DEFAULT_TTL;
    const expiresAt = new Date(now.getTime() + ttl * 1000);
    const id = uuidv7();
    const outcome = await this.postings.authorize({
      id,
      brand: slug,
      externalId: body.externalId,
      requestHash: requestHash(['authorization', ask, ttl]),
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
        expiresAt,
      });
    }
    return replyTo(outcome, 201, () => ({
      id: idFromUuid('au', outcome.subjectId),
      externalId: body.externalId,
      status: 'authorized',
      points: (outcome.result as AuthorizationTemplate).points,
      captured: 0,
      expiresAt: (outcome.result as AuthorizationTemplate).expiresAt,
      wallet: { available: pointsToJson(outcome.numbers.available), held: pointsToJson(outcome.numbers.held) },
    }));
  }

  private async resolve(slug: string, body: AuthorizationDto, direct: ReturnType<typeof directAsk>): Promise<Ask> {
    if (direct !== null) {
      const { memberRef, storeRef: store, points } = direct;
      const { walletId } = await this.links.ofBrand(slug, memberRef);
      return { memberRef, walletId, store, points, quoteId: null, quotedReimbursement: null };
    }
    const quote = await this.quotes.take(slug, body.quoteId ?? '', body.externalId);
    const { memberRef, store, points } = quote;
    const { walletId } = await this.links.ofBrand(slug, memberRef);
    const price = Decimal.fromScaled(quote.reimbursementMicro, MICRO_SCALE).toString();
    return { memberRef, walletId, store, points, quoteId: quote.id, quotedReimbursement: price };
  }
}
