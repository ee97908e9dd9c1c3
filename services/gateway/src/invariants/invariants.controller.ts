import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, PARKED_EVENT, shape } from '#libs/http';
import { InvariantsService } from './invariants.service.js';
import type { InvariantsReport, LagReport } from './merge.js';

const EXAMPLE: InvariantsReport = {
  asOf: '2026-03-02T00:00:00Z',
  ok: true,
  settled: true,
  checks: [{ name: 'ledger: every posting sums to zero', ok: true, expected: '0', measured: '0' }],
  lag: [{ consumer: 'settlement.ledger', events: 0 }],
  parked: [],
};

const LAG = shape.list(shape.object({ consumer: shape.text, events: shape.whole }));

const REPORT = shape.named('InvariantsReport', {
  asOf: shape.instant,
  ok: shape.flag,
  settled: shape.flag,
  checks: shape.list(shape.object({ name: shape.text, ok: shape.flag, expected: shape.text, measured: shape.text })),
  lag: LAG,
  parked: shape.list(PARKED_EVENT),
});

const LAG_REPORT = shape.named('LagReport', { settled: shape.flag, lag: LAG, parked: shape.list(PARKED_EVENT) });

@ApiTags('operator: network')
@Controller('v1/operator')
export class InvariantsController {
  constructor(private readonly invariants: InvariantsService) {}

  @Get('invariants')
  @OperatorRoute()
  @ApiAnswer(200, REPORT, { example: EXAMPLE })
  @ApiOperation({
    summary:
      'Check whether the books balance, as of when, and whether everything committed has been handled everywhere',
    description:
      '`settled` is true when, at the time of the call, every consumer had handled everything committed, everything due had been done, and nothing was committed while the checks were read; a failed check proves a fault only then, because checks compare services at different instants. `lag` shows what is left: events by consumer, `relay:` what is unsent, `due:` what waits for a sweep. `parked` names events that could not be handled; while there are any, `settled` and `ok` are false.',
  })
  @ApiProblems('unavailable')
  report(): Promise<InvariantsReport> {
    return this.invariants.report();
  }

  @Get('lag')
  @OperatorRoute()
  @ApiAnswer(200, LAG_REPORT, { example: { settled: true, lag: EXAMPLE.lag, parked: [] } })
  @ApiOperation({
    summary: 'Check whether everything committed has been handled everywhere',
    description: 'The `settled` and `lag` of the invariants before the books are read: cheap enough for polling.',
  })
  @ApiProblems('unavailable')
  lag(): Promise<LagReport> {
    return this.invariants.lag();
  }
}
