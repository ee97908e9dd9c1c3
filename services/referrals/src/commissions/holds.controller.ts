import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed, PageQuery } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import { COMMISSION, COMMISSION_PAGE } from './commissions.answers.js';
import type { CommissionView } from './commissions.answers.js';
import { VerdictDto } from './commissions.dto.js';
import { CommissionsService } from './commissions.service.js';

@ApiTags('referrals')
@Controller('v1/operator/referrals/holds')
export class HoldsController {
  constructor(private readonly commissions: CommissionsService) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, COMMISSION_PAGE)
  @ApiOperation({ summary: 'List commissions held on suspicion of fraud' })
  @ApiProblems('cursor_invalid')
  list(@Query() query: PageQuery): Promise<Page<CommissionView>> {
    return this.commissions.list(null, { state: 'fraud_hold', limit: query.limit, after: query.after });
  }

  @Post(':id/release')
  @OperatorRoute()
  @ApiAnswer(200, COMMISSION)
  @ApiOperation({ summary: 'Release a commission' })
  @ApiProblems('validation_failed', 'not_found', 'commission_state')
  release(@Keyed() call: KeyedCall, @Param('id') id: string, @Body() body: VerdictDto): Promise<Reply<CommissionView>> {
    return this.commissions.resolve(call, id, 'release', body.reason);
  }

  @Post(':id/cancel')
  @OperatorRoute()
  @ApiAnswer(200, COMMISSION)
  @ApiOperation({ summary: 'Cancel a commission; its record stays' })
  @ApiProblems('validation_failed', 'not_found', 'commission_state')
  cancel(@Keyed() call: KeyedCall, @Param('id') id: string, @Body() body: VerdictDto): Promise<Reply<CommissionView>> {
    return this.commissions.resolve(call, id, 'cancel', body.reason);
  }
}
