import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
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
  constructor(private readonly approvals: ApprovalsService) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, APPROVAL_PAGE)
  @ApiOperation({
    summary: 'List acts that a second client was asked to approve, newest first',
    description:
      'Each with everything the act does. `state=pending` lists those waiting for a decision; those not decided within a day are `expired`. A client has at most a hundred that are pending or approved.',
  })
  @ApiProblems('validation_failed', 'cursor_invalid')
  list(@Query() { state, act, maker, brand, ...page }: ApprovalsQuery): Promise<Page<ApprovalView>> {
    const filter = { state: state ?? null, act: act ?? null, maker: maker ?? null, brand: brand ?? null };
    return this.approvals.list(filter, page);
  }

  @Get(':id')
  @OperatorRoute()
  @ApiAnswer(200, APPROVAL)
  @ApiOperation({ summary: 'Read an approval' })
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
      'The maker then repeats its call, once and within a day of asking. The approver cannot be a client that created the maker in the last thirty days or was created by it, directly or not, nor one with the same creator.',
  })
  @ApiProblems('validation_failed', 'not_found', 'approval_state', 'maker_is_checker')
  approve(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: ApproveBody): Promise<ApprovalView> {
    return this.approvals.approve(id, operatorClient(caller), body.payloadHash);
  }

  @Post(':id/refuse')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, APPROVAL)
  @ApiOperation({ summary: 'Refuse an approval that has not been used; the maker may do so too' })
  @ApiProblems('validation_failed', 'not_found', 'approval_state')
  refuse(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: RefuseBody): Promise<ApprovalView> {
    return this.approvals.refuse(id, operatorClient(caller), body.reason ?? null);
  }
}
