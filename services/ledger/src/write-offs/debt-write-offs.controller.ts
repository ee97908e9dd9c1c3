import { Body, Controller, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

import { CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, replyReplayed, shape } from '#libs/http';
import { fail } from '#libs/kernel';

import { DebtWriteOffDto } from './debt-write-offs.dto.js';
import { DebtWriteOffs } from './debt-write-offs.service.js';

@ApiTags('operator')
@Controller('v1/operator/debt-write-offs')
export class DebtWriteOffsController {
  constructor(private readonly writeOffs: DebtWriteOffs) {}

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, shape.named('DebtWriteOff', { points: shape.points, wallets: shape.whole }))
  @ApiOperation({ summary: 'Write off what members owe a brand that has left.' })
  @ApiResponse({
    status: 201,
    description: 'Takes the approval of a second person. What stopped half way goes on when it is repeated.',
    example: { points: 200, wallets: 1 },
  })
  @ApiProblems(
    'validation_failed',
    'second_person_needed',
    'approvals_too_many',
    'brand_not_closed',
    'idempotency_conflict',
    'queue_full',
    'unavailable',
    'outcome_unknown',
  )
  async writeOff(
    @Body() body: DebtWriteOffDto,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const maker = caller.kind === 'operator' ? caller.clientId : fail('scope_missing');
    const { replayed, ...answer } = await this.writeOffs.writeOff(body, maker);
    replyReplayed(reply, replayed);
    void reply.status(201);
    return answer;
  }
}
