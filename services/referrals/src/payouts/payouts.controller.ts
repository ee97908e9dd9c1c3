import { Body, Controller, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { callerName, CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed, shape } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { fail } from '#libs/kernel';
import { PAYOUT } from './payouts.answers.js';
import type { PayoutView } from './payouts.answers.js';
import { PayoutDto } from './payouts.dto.js';
import { PayoutsService } from './payouts.service.js';

@ApiTags('referrals')
@Controller('v1/operator/payouts')
export class PayoutsController {
  constructor(private readonly payouts: PayoutsService) {}

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, PAYOUT)
  @ApiOperation({ summary: 'Create a payout of all earnings of persons whose hold has ended' })
  @ApiProblems('validation_failed', 'payout_empty', 'idempotency_conflict')
  draw(@Keyed() call: KeyedCall, @Body() body: PayoutDto): Promise<Reply<PayoutView>> {
    return this.payouts.draw(call, body.currency);
  }

  @Get(':id')
  @OperatorRoute()
  @ApiAnswer(200, PAYOUT)
  @ApiOperation({ summary: 'Read a payout' })
  @ApiProblems('not_found')
  one(@Param('id') id: string): Promise<PayoutView> {
    return this.payouts.one(id);
  }

  @Post(':id/release')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, PAYOUT)
  @ApiOperation({ summary: 'Release a payout that another client has approved' })
  @ApiProblems('not_found', 'second_person_needed', 'approvals_too_many', 'payout_state', 'payout_empty')
  release(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<PayoutView> {
    return this.payouts.release(caller.kind === 'operator' ? caller.clientId : fail('scope_missing'), id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, PAYOUT)
  @ApiOperation({ summary: 'Cancel a draft: its earnings become payable again' })
  @ApiProblems('not_found', 'payout_state')
  cancel(@Param('id') id: string): Promise<PayoutView> {
    return this.payouts.cancel(id);
  }

  @Post(':id/confirm')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, PAYOUT)
  @ApiOperation({ summary: 'Record that a released payout was carried out' })
  @ApiProblems('not_found', 'payout_state', 'payout_changed')
  confirm(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<PayoutView> {
    return this.payouts.confirm(callerName(caller), id);
  }

  @Get(':id/file')
  @OperatorRoute()
  @Header('content-type', 'application/x-ndjson')
  @ApiProduces('application/x-ndjson')
  @ApiAnswer(200, shape.text)
  @ApiOperation({ summary: 'Download the payout file: header, a line for each beneficiary, trailer with sum and hash' })
  @ApiProblems('not_found', 'payout_state', 'payout_changed')
  file(@Param('id') id: string): Promise<string> {
    return this.payouts.file(id);
  }
}
