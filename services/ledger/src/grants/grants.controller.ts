import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';

import { BrandRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';

import { GRANT_ANSWER } from './grants.answers.js';
import type { GrantAnswer } from './grants.answers.js';
import { GrantDto } from './grants.dto.js';
import { GrantsService } from './grants.service.js';

@ApiTags('grants')
@Controller('v1/grants')
export class GrantsController {
  constructor(private readonly grants: GrantsService) {}

  @Post()
  @BrandRoute('grants:write', { openTo: 'any' })
  @ApiAnswer(201, GRANT_ANSWER, {
    description: 'The points are spendable.',
    example: { id: 'gr_06EXAMPLE000000000000000AB', points: 500 },
  })
  @ApiOperation({ summary: 'Give a member points without a purchase.' })
  @ApiProblems(
    'validation_failed',
    'occurred_in_future',
    'occurred_too_early',
    'idempotency_conflict',
    'not_found',
    'brand_suspended',
    'role_missing',
    'second_person_needed',
    'approvals_too_many',
    'queue_full',
    'unavailable',
    'outcome_unknown',
  )
  give(@Body() body: GrantDto, @Keyed() call: KeyedCall): Promise<Reply<GrantAnswer>> {
    return this.grants.give(call, body);
  }
}
