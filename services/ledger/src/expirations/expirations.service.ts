import { Injectable } from '@nestjs/common';

import { BrandDirectory } from '#libs/directory';
import type { Reply } from '#libs/http';
import { AllianceClock, fail, pointsToJson, requestHash, uuidv7 } from '#libs/kernel';

import { PostingsService } from '../postings/postings.service.js';
import { replyTo } from '../replies/reply.js';
import type { ExpirationAnswer } from './expirations.answers.js';
import type { ExpirationDto } from './expirations.dto.js';

/** Expires the points of a campaign early, at the operator's request. Held points remain until they are released. */
@Injectable()
export class ExpirationsService {
  constructor(
    private readonly clock: AllianceClock,
    private readonly directory: BrandDirectory,
    private readonly postings: PostingsService,
  ) {}

  async expire(body: ExpirationDto, transportKey: string | undefined): Promise<Reply<ExpirationAnswer>> {
    const { externalId, brand, campaign, reason } = body;
    if ((await this.directory.get(brand)) === null) {
      fail('validation_failed', {
        errors: [{ pointer: '/brand', code: 'not_found', detail: 'There is no such brand.' }],
      });
    }
    const outcome = await this.postings.expire({
      id: uuidv7(),
      brand: '*',
      externalId,
      requestHash: requestHash(['expiration', brand, campaign, reason]),
      transportKey: transportKey ?? null,
      result: {},
      issuer: brand,
      campaign,
      reason,
      now: this.clock.now(),
    });
    return replyTo(outcome, 201, () => ({
      points: pointsToJson(outcome.detail.points ?? 0n),
      lots: outcome.detail.lots ?? 0,
    }));
  }
}
