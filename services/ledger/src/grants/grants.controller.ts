import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';

import { BrandRoute, CurrentCaller } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, IdempotencyKey } from '#libs/http';
import type { Reply } from '#libs/http';
import { fail } from '#libs/kernel';

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
  @ApiAnswer(201, GRANT_ANSWER)
  @ApiOperation({ summary: 'Give a member points without a purchase.' })
  @ApiResponse({
    status: 201,
    description: 'The points are spendable.',
    example: { id: 'gr_06EXAMPLE000000000000000AB', points: 500 },
  })
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
  give(
    @CurrentCaller() caller: Caller,
    @Body() body: GrantDto,
    @IdempotencyKey() key: string | undefined,
  ): Promise<Reply<GrantAnswer>> {
    const { brand, clientId } = caller.kind === 'brand' ? caller : fail('scope_missing');
    return this.grants.give(brand, clientId, body, key);
  }
}
