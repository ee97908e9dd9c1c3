import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, shape } from '#libs/http';
import { InvariantsService } from './invariants.service.js';
import type { InvariantsReport } from './merge.js';

const EXAMPLE: InvariantsReport = {
  asOf: '2026-03-02T00:00:00Z',
  ok: true,
  settled: true,
  checks: [{ name: 'ledger: every posting sums to zero', ok: true, expected: '0', measured: '0' }],
  lag: [{ consumer: 'settlement.ledger', events: 0 }],
};

const REPORT = shape.named('InvariantsReport', {
  asOf: shape.instant,
  ok: shape.flag,
  settled: shape.flag,
  checks: shape.list(shape.object({ name: shape.text, ok: shape.flag, expected: shape.text, measured: shape.text })),
  lag: shape.list(shape.object({ consumer: shape.text, events: shape.whole })),
});

@ApiTags('operator: network')
@Controller('v1/operator/invariants')
export class InvariantsController {
  constructor(private readonly invariants: InvariantsService) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, REPORT)
  @ApiOperation({
    summary: 'Whether the books balance, as of when, and whether everything committed has reached everybody',
    description: '`settled` is true when every consumer has handled all that was committed when the question came.',
  })
  @ApiOkResponse({ example: EXAMPLE })
  @ApiProblems('unavailable')
  report(): Promise<InvariantsReport> {
    return this.invariants.report();
  }
}
