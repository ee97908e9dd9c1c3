import { Controller, Get, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { CYCLES, CYCLE_RESULT } from './cycles.answers.js';
import type { CycleResultView, CyclesView } from './cycles.answers.js';
import { cycleDocument, CycleStepsService } from './cycle-steps.service.js';
import { CyclesService } from './cycles.service.js';

const EXAMPLE: CycleResultView = {
  id: '2026-03',
  status: 'closed',
  from: '2026-02-28T16:00:00Z',
  to: '2026-03-31T16:00:00Z',
  currency: 'CNY',
  cutOffAt: '2026-03-31T16:00:00Z',
  freeze: { stage: 'done', through: '2026-03-31', lines: 16, startedAt: '2026-04-01T01:00:00Z' },
  positions: [
    { party: 'brand:aurora', net: -7350 },
    { party: 'brand:birch', net: -3150 },
    { party: 'brand:crest', net: 8475 },
    { party: 'operator', net: 2025 },
    { party: 'members', net: 0 },
    { party: 'reserve', net: 0 },
    { party: 'rounding', net: 0 },
  ],
  matrix: [{ issuer: 'aurora', redeemer: 'crest', points: 10000, amount: '9000.00' }],
  gross: 12150,
  netted: 8550,
  sum: 0,
  entities: [{ entity: 'le-aurora', net: -7350 }],
  roundingRemainder: '0.00',
};

/** The operator's steps of a cycle, from open to closed. Each step returns the cycle after it. */
@Controller('v1/operator/cycles')
@ApiTags('settlement')
export class OperatorCyclesController {
  constructor(
    private readonly cycles: CyclesService,
    private readonly steps: CycleStepsService,
  ) {}

  @Get()
  @OperatorRoute('operator')
  @ApiAnswer(200, CYCLES)
  @ApiOperation({ summary: 'List clearing cycles' })
  async list(): Promise<CyclesView> {
    return { data: (await this.cycles.list()).map(cycleDocument) };
  }

  @Get(':cycle')
  @OperatorRoute('operator')
  @ApiAnswer(200, CYCLE_RESULT, { example: EXAMPLE })
  @ApiOperation({ summary: 'Read the positions, matrix and sums of a cycle' })
  @ApiProblems('not_found')
  result(@Param('cycle') cycle: string): Promise<CycleResultView> {
    return this.steps.result(cycle);
  }

  @Post(':cycle/cut-off')
  @OperatorRoute('operator')
  @ApiAnswer(200, CYCLE_RESULT, { example: { ...EXAMPLE, status: 'cut_off' } })
  @ApiOperation({ summary: 'Cut off the cycle: later postings enter the next one' })
  @ApiProblems('not_found', 'cycle_state')
  cutOff(@Param('cycle') cycle: string, @Keyed() call: KeyedCall): Promise<Reply<CycleResultView>> {
    return this.steps.step(cycle, 'cut-off', call.caller, call.key);
  }

  @Post(':cycle/freeze')
  @OperatorRoute('operator')
  @ApiAnswer(200, CYCLE_RESULT, { example: { ...EXAMPLE, status: 'frozen' } })
  @ApiAnswer(202, CYCLE_RESULT)
  @ApiOperation({
    summary: 'Freeze the cycle: write the statements once every posting before the cut-off has been handled',
    description:
      'Works in short steps that block no one. For a cycle with very many lines the answer is 202 and the work continues as `freezing`; `freeze` shows the progress. A repeat joins the running freeze.',
  })
  @ApiProblems('not_found', 'cycle_state', 'cycle_not_settled', 'cycle_unproven')
  freeze(@Param('cycle') cycle: string, @Keyed() call: KeyedCall): Promise<Reply<CycleResultView>> {
    return this.steps.step(cycle, 'freeze', call.caller, call.key);
  }

  @Post(':cycle/confirm')
  @OperatorRoute('operator')
  @ApiAnswer(200, CYCLE_RESULT, { example: { ...EXAMPLE, status: 'confirmed' } })
  @ApiOperation({
    summary: 'Confirm the cycle: its net positions become binding',
    description: 'Proves the cycle first, as its `verification` does: over a fault nothing is confirmed.',
  })
  @ApiProblems('not_found', 'cycle_state', 'cycle_not_settled', 'cycle_unproven')
  confirm(@Param('cycle') cycle: string, @Keyed() call: KeyedCall): Promise<Reply<CycleResultView>> {
    return this.steps.step(cycle, 'confirm', call.caller, call.key);
  }

  @Post(':cycle/close')
  @OperatorRoute('operator')
  @ApiAnswer(200, CYCLE_RESULT, { example: EXAMPLE })
  @ApiOperation({ summary: 'Close the cycle for good' })
  @ApiProblems('not_found', 'cycle_state', 'cycle_not_settled', 'cycle_unproven')
  close(@Param('cycle') cycle: string, @Keyed() call: KeyedCall): Promise<Reply<CycleResultView>> {
    return this.steps.step(cycle, 'close', call.caller, call.key);
  }
}
