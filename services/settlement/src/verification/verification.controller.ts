import { Controller, Get, Param } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems } from '#libs/http';
import { pointsToJson } from '#libs/kernel';
import { VERIFICATION } from './verification.answers.js';
import type { VerificationView } from './verification.answers.js';
import { VerificationService } from './verification.service.js';

const SHOWN = 100;

const EXAMPLE: VerificationView = {
  cycle: '2026-03',
  status: 'closed',
  ok: false,
  compared: true,
  lines: 19,
  faults: [{ kind: 'position', id: 'brand:aurora', detail: 'net is -7349, should be -7350' }],
  more: false,
};

@Controller('v1/operator/cycles/:cycle/verification')
@ApiTags('settlement')
export class VerificationController {
  constructor(private readonly verification: VerificationService) {}

  @Get()
  @OperatorRoute('operator')
  @ApiAnswer(200, VERIFICATION, { example: EXAMPLE })
  @ApiOperation({
    summary: 'Verify a cycle from its lines',
    description:
      'Groups, matrix, statements and their chain, and positions are computed again from the lines and compared with what is stored. Every row that was changed, added or removed is named, lines included. Lines are also compared with what the ledger stamped and referrals posted, and frozen cycles beside this one with their seals; if that is not possible now, `compared` is false.',
  })
  @ApiProblems('not_found')
  async verify(@Param('cycle') id: string): Promise<VerificationView> {
    const { cycle, lines, faults, compared } = await this.verification.ofCycle(id);
    return {
      cycle: cycle.id,
      status: cycle.status,
      ok: faults.length === 0,
      compared,
      lines: pointsToJson(lines),
      faults: faults.slice(0, SHOWN),
      more: faults.length > SHOWN,
    };
  }
}
