import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import { ERASED_PAYEE_DECISION, ERASED_PAYEE_PAGE } from './erased-payees.answers.js';
import type { ErasedPayeeDecisionView, ErasedPayeeView } from './erased-payees.answers.js';
import { ErasedPayeeDto, ErasedPayeesQuery } from './erased-payees.dto.js';
import { ErasedPayeesService } from './erased-payees.service.js';

@ApiTags('referrals')
@Controller('v1/operator/referrals/erased-payees')
export class ErasedPayeesController {
  constructor(private readonly payees: ErasedPayeesService) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, ERASED_PAYEE_PAGE)
  @ApiOperation({ summary: 'List what erased persons are owed after the hold; payouts leave them out' })
  @ApiProblems('validation_failed', 'cursor_invalid')
  list(@Query() query: ErasedPayeesQuery): Promise<Page<ErasedPayeeView>> {
    return this.payees.list(query.currency, query.limit, query.after);
  }

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, ERASED_PAYEE_DECISION)
  @ApiOperation({ summary: 'Release what an erased person is owed for payout, or write it off; requires two people' })
  @ApiProblems(
    'validation_failed',
    'not_found',
    'second_person_needed',
    'approvals_too_many',
    'payout_empty',
    'idempotency_conflict',
  )
  async decide(@Keyed() call: KeyedCall, @Body() body: ErasedPayeeDto): Promise<Reply<ErasedPayeeDecisionView>> {
    return this.payees.decide(call, body);
  }
}
