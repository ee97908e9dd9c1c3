import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute } from '#libs/auth';
import { ApiAnswer } from '#libs/http';
import { CYCLES } from './cycles.answers.js';
import type { CyclesView } from './cycles.answers.js';
import { cycleDocument } from './cycle-steps.service.js';
import { CyclesService } from './cycles.service.js';

const EXAMPLE: CyclesView = {
  data: [
    {
      id: '2026-03',
      status: 'open',
      from: '2026-02-28T16:00:00Z',
      to: '2026-03-31T16:00:00Z',
      currency: 'CNY',
      cutOffAt: null,
    },
  ],
};

@Controller('v1/cycles')
@ApiTags('settlement')
export class CyclesController {
  constructor(private readonly cycles: CyclesService) {}

  @Get()
  @BrandRoute('settlement:read', { openTo: 'any' })
  @ApiAnswer(200, CYCLES, { example: EXAMPLE })
  @ApiOperation({ summary: 'List clearing cycles, the current one last' })
  async list(): Promise<CyclesView> {
    return { data: (await this.cycles.list()).map(cycleDocument) };
  }
}
