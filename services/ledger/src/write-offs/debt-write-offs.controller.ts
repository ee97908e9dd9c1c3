import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';

import { CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems } from '#libs/http';
import type { Reply } from '#libs/http';
import { fail } from '#libs/kernel';

import { DEBT_WRITE_OFF_ANSWER } from './debt-write-offs.answers.js';
import type { DebtWriteOffAnswer } from './debt-write-offs.answers.js';
import { DebtWriteOffDto } from './debt-write-offs.dto.js';
import { DebtWriteOffsService } from './debt-write-offs.service.js';

@ApiTags('operator')
@Controller('v1/operator/debt-write-offs')
export class DebtWriteOffsController {
  constructor(private readonly writeOffs: DebtWriteOffsService) {}

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, DEBT_WRITE_OFF_ANSWER, {
    description: 'Requires the approval of a second person. A repeat continues what stopped half way.',
    example: { points: 200, wallets: 1 },
  })
  @ApiOperation({ summary: 'Write off what members owe to a brand that has left.' })
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
  writeOff(@Body() body: DebtWriteOffDto, @CurrentCaller() caller: Caller): Promise<Reply<DebtWriteOffAnswer>> {
    const maker = caller.kind === 'operator' ? caller.clientId : fail('scope_missing');
    return this.writeOffs.writeOff(body, maker);
  }
}
