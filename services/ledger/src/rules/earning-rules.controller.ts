import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';

import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiAnswers, ApiProblems, BodyLimit, Keyed, Reply } from '#libs/http';
import type { KeyedCall } from '#libs/http';
import type { Page } from '#libs/kernel';

import { EARNING_RULE, EARNING_RULE_PAGE, SIMULATED_RULE } from './earning-rules.answers.js';
import type { EarningRuleView, SimulatedRuleView } from './earning-rules.answers.js';
import { EarningRuleDto, RuleQuery, RulesQuery } from './earning-rules.dto.js';
import { EarningRulesService } from './earning-rules.service.js';

const EXAMPLE: EarningRuleView = {
  id: 'er_06EXAMPLE000000000000000AB',
  brand: 'aurora',
  name: 'base',
  version: 1,
  validFrom: '2025-12-31T16:00:00Z',
  validTo: null,
  match: { stores: [], categories: [], excludeCategories: ['gift-card'], tiers: [] },
  earn: { points: 1, per: 100 },
  rounding: 'floor',
  pendingDays: 0,
  expiry: { kind: 'rolling', months: 12, roundTo: 'month' },
  priority: 0,
};

@ApiTags('operator')
@Controller('v1/operator/earning-rules')
export class EarningRulesController {
  constructor(private readonly rules: EarningRulesService) {}

  @Post()
  @BodyLimit(256 * 1024)
  @OperatorRoute()
  @ApiAnswers({ 200: SIMULATED_RULE, 201: EARNING_RULE })
  @ApiOperation({ summary: 'Add a version of an earning rule.' })
  @ApiResponse({ status: 201, description: 'In force from now on.', example: EXAMPLE })
  @ApiProblems('validation_failed', 'second_person_needed', 'approvals_too_many', 'idempotency_conflict', 'unavailable')
  async add(
    @Body() body: EarningRuleDto,
    @Query() query: RuleQuery,
    @Keyed() call: KeyedCall,
  ): Promise<Reply<EarningRuleView | SimulatedRuleView>> {
    return query.simulate === 'true' ? new Reply(200, await this.rules.simulate(body)) : this.rules.add(call, body);
  }

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, EARNING_RULE_PAGE, {
    description: 'A page.',
    example: { data: [EXAMPLE], page: { after: null, more: false } },
  })
  @ApiOperation({ summary: 'List versions of earning rules, in order of creation.' })
  @ApiProblems('cursor_invalid')
  list(@Query() query: RulesQuery): Promise<Page<EarningRuleView>> {
    return this.rules.list(query);
  }

  @Get(':id')
  @OperatorRoute()
  @ApiAnswer(200, EARNING_RULE, { description: 'The version.', example: EXAMPLE })
  @ApiOperation({ summary: 'Read a version of an earning rule.' })
  @ApiProblems('not_found')
  find(@Param('id') id: string): Promise<EarningRuleView> {
    return this.rules.find(id);
  }
}
