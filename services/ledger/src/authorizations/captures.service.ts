import { Inject, Injectable } from '@nestjs/common';

import { MemberLinks } from '#libs/directory';
import { CONFIG } from '#libs/http';
import type { Reply } from '#libs/http';
import {
  AllianceClock,
  endOfDay,
  fail,
  formatInstant,
  instantOrNull,
  pointsToJson,
  requestHash,
  uuidv7For,
} from '#libs/kernel';

import { toldOf } from '../links/wallet-told.js';
import { WireIdsService } from '../ids/wire-ids.service.js';
import type { LedgerConfig } from '../ledger.config.js';
import { contractTerms } from '../postings/contract-terms.js';
import type { AuthorizationStatus, PostingOutcome, WalletNumbers } from '../postings/posting.js';
import { PostingsService } from '../postings/postings.service.js';
import { KnownOperationsService } from '../replies/known-operations.service.js';
import type { AskedOperation } from '../replies/known-operations.service.js';
import { replyTo, walletOf } from '../replies/reply.js';
import { checkFacts, redeemerContractAt, TradingService } from '../trading/trading.service.js';
import type { TradeFacts } from '../trading/trading.service.js';
import type { AuthorizationFacts } from './authorization.js';
import type { CaptureAnswer, RedemptionReturnAnswer, VoidAnswer } from './authorizations.answers.js';
import { AuthorizationsReaderService } from './authorizations-reader.service.js';
import type { CaptureDto, RedemptionReturnDto, VoidDto } from './authorizations.dto.js';

/** Captures, releases and gives back the points of an authorization. */
@Injectable()
export class CapturesService {
  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly clock: AllianceClock,
    private readonly trading: TradingService,
    private readonly reader: AuthorizationsReaderService,
    private readonly links: MemberLinks,
    private readonly postings: PostingsService,
    private readonly known: KnownOperationsService,
    private readonly ids: WireIdsService,
  ) {}

  async capture(
    slug: string,
    id: string,
    body: CaptureDto,
    transportKey: string | undefined,
  ): Promise<Reply<CaptureAnswer>> {
    const facts = await this.reader.facts(slug, id);
    const said = instantOrNull(body.occurredAt);
    const points = typeof body.points === 'number' ? BigInt(body.points) : null;
    const final = body.final ?? true;
    const op = operation(facts, body.externalId, ['capture', facts.id, points, final, said], transportKey);
    const outcome = await this.known.orFirstAnswer(asked('capture', op), async () => {
      const now = this.clock.now();
      const brand = await this.trading.redeeming(slug);
      checkFacts(brand, timesOf(said, facts), now);
      const contract = redeemerContractAt(brand, now);
      return this.postings.capture({
        id: uuidv7For(facts.walletId),
        authorizationId: facts.id,
        ...op,
        result: await toldOf(this.links, facts),
        occurredAt: said ?? now,
        postedAt: now,
        points,
        terms: contract === null ? null : contractTerms(slug, contract),
        final,
      });
    });
    return replyTo(outcome, 201, () => ({
      id: this.ids.out('cp', outcome.subjectId),
      points: pointsToJson(outcome.detail.points ?? 0n),
      authorization: { status: statusOf(outcome), captured: pointsToJson(outcome.detail.captured ?? 0n) },
      wallet: walletOf(outcome, balances),
    }));
  }

  async voidHold(
    slug: string,
    id: string,
    body: VoidDto,
    transportKey: string | undefined,
  ): Promise<Reply<VoidAnswer>> {
    const facts = await this.reader.facts(slug, id);
    const op = operation(facts, body.externalId, ['void', facts.id], transportKey);
    const outcome = await this.known.orFirstAnswer(asked('void', op), async () => {
      const now = this.clock.now();
      await this.trading.redeeming(slug);
      return this.postings.voidHold({
        id: uuidv7For(facts.walletId),
        authorizationId: facts.id,
        ...op,
        result: await toldOf(this.links, facts),
        occurredAt: now,
        postedAt: now,
      });
    });
    return replyTo(outcome, 200, () => ({
      id,
      externalId: facts.externalId,
      status: statusOf(outcome),
      points: pointsToJson(facts.points),
      captured: pointsToJson(outcome.detail.captured ?? 0n),
      expiresAt: formatInstant(facts.expiresAt),
      wallet: walletOf(outcome, balances),
    }));
  }

  async giveBack(
    slug: string,
    id: string,
    body: RedemptionReturnDto,
    transportKey: string | undefined,
  ): Promise<Reply<RedemptionReturnAnswer>> {
    const facts = await this.reader.facts(slug, id);
    const said = instantOrNull(body.occurredAt);
    const points = BigInt(body.points);
    const op = operation(facts, body.externalId, ['redemption_return', facts.id, points, said], transportKey);
    const outcome = await this.known.orFirstAnswer(asked('redemption_return', op), async () => {
      const now = this.clock.now();
      checkFacts(await this.trading.redeeming(slug), timesOf(said, facts), now);
      return this.postings.returnRedemption({
        id: uuidv7For(facts.walletId),
        authorizationId: facts.id,
        ...op,
        result: await toldOf(this.links, facts),
        occurredAt: said ?? now,
        postedAt: now,
        points,
      });
    });
    return replyTo(outcome, 201, () => ({
      id: this.ids.out('rt', outcome.subjectId),
      // the redeemer must not learn who issued the points
      restored: restored(outcome, this.config.zone),
      wallet: walletOf(outcome, balances),
    }));
  }
}

function asked(
  kind: 'capture' | 'void' | 'redemption_return',
  { brand, externalId, transportKey, requestHash: content }: ReturnType<typeof operation>,
): AskedOperation {
  return { kind, brand, externalId, transportKey, requestHash: () => content };
}

function operation(
  facts: AuthorizationFacts,
  externalId: string,
  content: unknown[],
  transportKey: string | undefined,
): {
  brand: string;
  externalId: string;
  requestHash: Buffer;
  transportKey: string | null;
  walletId: string;
} {
  return {
    brand: facts.brand,
    externalId,
    requestHash: requestHash(content),
    transportKey: transportKey ?? null,
    walletId: facts.walletId,
  };
}

function statusOf({ detail }: PostingOutcome): AuthorizationStatus {
  return detail.status ?? fail('outcome_unknown');
}

function balances({ available, held }: WalletNumbers): { available: number; held: number } {
  return { available: pointsToJson(available), held: pointsToJson(held) };
}

/** Points by expiry day, in the order they were given back. The time of day of an early expiry is disclosed only to the issuer. */
function restored({ detail }: PostingOutcome, zone: string): { points: number; expiresAt: string | null }[] {
  const groups: { points: number; expiresAt: string | null }[] = [];
  for (const { points, expiresAt } of detail.restored ?? []) {
    const end = expiresAt === null ? null : formatInstant(endOfDay(new Date(expiresAt), zone));
    const last = groups.at(-1);
    if (last !== undefined && last.expiresAt === end) last.points += pointsToJson(points);
    else groups.push({ points: pointsToJson(points), expiresAt: end });
  }
  return groups;
}

function timesOf(said: Date | null, { authorizedAt }: AuthorizationFacts): TradeFacts {
  return said === null ? {} : { occurredAt: said, follows: authorizedAt };
}
