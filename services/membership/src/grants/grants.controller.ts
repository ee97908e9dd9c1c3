import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { callerName, CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { TIER_GRANT, TIER_GRANTS } from './grants.answers.js';
import type { TierGrantView, TierGrantsView } from './grants.answers.js';
import { RevokeDto, TierGrantDto, TierGrantsQuery } from './grants.dto.js';
import { GrantsService } from './grants.service.js';

/** The operator's grants of ranks for other reasons than purchases. */
@ApiTags('tiers')
@Controller('v1/operator/tier-grants')
export class GrantsController {
  constructor(private readonly grants: GrantsService) {}

  @Post()
  @OperatorRoute('operator')
  @ApiAnswer(201, TIER_GRANT)
  @ApiOperation({
    summary: 'Grant a member a rank for a limited time',
    description: 'A manual grant requires two people: another client must approve it first.',
  })
  @ApiProblems(
    'validation_failed',
    'not_found',
    'not_for_the_past',
    'second_person_needed',
    'approvals_too_many',
    'idempotency_conflict',
  )
  async create(@Body() body: TierGrantDto, @Keyed() call: KeyedCall): Promise<Reply<TierGrantView>> {
    const request = {
      externalId: body.externalId,
      memberRef: body.memberRef,
      source: body.source,
      rank: body.rank,
      from: body.from === undefined || body.from === null ? null : new Date(body.from),
      to: new Date(body.to),
      reason: body.reason,
      proof: body.proof ?? null,
    };
    return this.grants.create(request, call);
  }

  @Get()
  @OperatorRoute('operator')
  @ApiAnswer(200, TIER_GRANTS)
  @ApiOperation({ summary: 'List a member’s grants' })
  @ApiProblems('validation_failed', 'not_found')
  async list(@Query() query: TierGrantsQuery): Promise<TierGrantsView> {
    return { data: await this.grants.ofMember(query.memberRef) };
  }

  @Get(':id')
  @OperatorRoute('operator')
  @ApiAnswer(200, TIER_GRANT)
  @ApiOperation({ summary: 'Read a grant' })
  @ApiProblems('not_found')
  one(@Param('id') id: string): Promise<TierGrantView> {
    return this.grants.one(id);
  }

  @Post(':id/revoke')
  @HttpCode(200)
  @OperatorRoute('operator')
  @ApiAnswer(200, TIER_GRANT)
  @ApiOperation({ summary: 'End a grant early' })
  @ApiProblems('validation_failed', 'not_found', 'tier_grant_state')
  revoke(@Param('id') id: string, @Body() body: RevokeDto, @CurrentCaller() caller: Caller): Promise<TierGrantView> {
    return this.grants.revoke(id, callerName(caller), body.reason);
  }
}
