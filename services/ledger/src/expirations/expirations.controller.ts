import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';

import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';

import { EXPIRATION_ANSWER } from './expirations.answers.js';
import type { ExpirationAnswer } from './expirations.answers.js';
import { ExpirationDto } from './expirations.dto.js';
import { ExpirationsService } from './expirations.service.js';

@ApiTags('operator')
@Controller('v1/operator/expirations')
export class ExpirationsController {
  constructor(private readonly expirations: ExpirationsService) {}

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, EXPIRATION_ANSWER, { description: 'What was ended.', example: { points: 1500, lots: 1 } })
  @ApiOperation({ summary: 'Expire the points that a brand gave in a campaign.' })
  @ApiProblems('validation_failed', 'idempotency_conflict', 'queue_full', 'unavailable', 'outcome_unknown')
  expire(@Body() body: ExpirationDto, @Keyed() { key }: KeyedCall): Promise<Reply<ExpirationAnswer>> {
    return this.expirations.expire(body, key);
  }
}
