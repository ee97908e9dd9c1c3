import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems } from '#libs/http';
import type { Page } from '#libs/kernel';
import { operatorClient } from '../clients/operator-client.js';
import { APPROVAL, APPROVAL_PAGE } from './approvals.answers.js';
import type { ApprovalView } from './approvals.answers.js';
import { ApprovalsQuery, ApproveBody, RefuseBody } from './approvals.dto.js';
import { ApprovalsService } from './approvals.service.js';

@ApiTags('operator: approvals')
@Controller('v1/operator/approvals')
export class ApprovalsController {
  constructor(@Inject(ApprovalsService) private readonly approvals: ApprovalsService) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, APPROVAL_PAGE)
  @ApiOperation({
    summary: 'Acts that a second client was asked to approve, the newest first',
    description:
      'Each with all that the act does. `state=pending` is what waits for somebody; what nobody decided on within a day is `expired`. No client has more than a hundred that are pending or approved.',
  })
  @ApiProblems('validation_failed', 'cursor_invalid')
  list(@Query() { state, act, maker, brand, ...page }: ApprovalsQuery): Promise<Page<ApprovalView>> {
    const filter = { state: state ?? null, act: act ?? null, maker: maker ?? null, brand: brand ?? null };
    return this.approvals.list(filter, page);
  }

  @Get(':id')
  @OperatorRoute()
  @ApiAnswer(200, APPROVAL)
  @ApiOperation({ summary: 'One approval' })
  @ApiProblems('not_found')
  one(@Param('id') id: string): Promise<ApprovalView> {
    return this.approvals.one(id);
  }

  @Post(':id/approve')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, APPROVAL)
  @ApiOperation({
    summary: 'Approve what another client asked for',
    description:
      'The maker then repeats its call, within a day of asking and once. Not by a client that made the other within thirty days or was made by it, directly or not, nor by one that was made by the same client.',
  })
  @ApiProblems('validation_failed', 'not_found', 'approval_state', 'maker_is_checker')
  approve(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: ApproveBody): Promise<ApprovalView> {
    return this.approvals.approve(id, operatorClient(caller), body.payloadHash);
  }

  @Post(':id/refuse')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, APPROVAL)
  @ApiOperation({ summary: 'End an approval that is not used yet; the maker may too' })
  @ApiProblems('validation_failed', 'not_found', 'approval_state')
  refuse(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: RefuseBody): Promise<ApprovalView> {
    return this.approvals.refuse(id, operatorClient(caller), body.reason ?? null);
  }
}
