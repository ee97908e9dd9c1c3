import { Body, Controller, Get, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { PROGRAMME, PROGRAMMES } from './programmes.answers.js';
import type { ProgrammeView, ProgrammesView } from './programmes.answers.js';
import { ProgrammeDto } from './programmes.dto.js';
import { ProgrammesService } from './programmes.service.js';

@ApiTags('referrals')
@Controller('v1/operator/referral-programmes')
export class ProgrammesController {
  constructor(private readonly programmes: ProgrammesService) {}

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, PROGRAMME)
  @ApiOperation({
    summary: 'Add a version of the alliance’s referral programme',
    description:
      'A version with a conversion price (which turns money into points), or with a contributor’s share or floor above 1,000 basis points, requires two people.',
  })
  @ApiProblems(
    'second_person_needed',
    'approvals_too_many',
    'validation_failed',
    'depth_exceeded',
    'rule_conflict',
    'idempotency_conflict',
  )
  add(@Keyed() call: KeyedCall, @Body() body: ProgrammeDto): Promise<Reply<ProgrammeView>> {
    return this.programmes.add(call, body);
  }

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, PROGRAMMES)
  @ApiOperation({ summary: 'List the versions of the referral programme' })
  list(): Promise<ProgrammesView> {
    return this.programmes.list();
  }
}
