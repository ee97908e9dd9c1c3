import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand, OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { OPENING, OPENINGS } from './openings.answers.js';
import type { OpeningView, OpeningsView } from './openings.answers.js';
import { OpeningDto, VerdictDto } from './openings.dto.js';
import { OpeningsService } from './openings.service.js';

/** A brand's requests for single legs of its totals. */
@Controller('v1/cycles/:cycle/openings')
@ApiTags('settlement')
export class OpeningsController {
  constructor(private readonly openings: OpeningsService) {}

  @Post()
  @BrandRoute('settlement:read')
  @ApiAnswer(201, OPENING)
  @ApiOperation({
    summary: 'Ask the operator to open one leg of a total',
    description:
      'The leg is opened only with the member’s `share_order_lines` consent at the other brand, and both brands see that it was opened.',
  })
  @ApiProblems('validation_failed', 'not_found', 'leg_unknown', 'opening_exists')
  ask(@Param('cycle') cycle: string, @Keyed() call: KeyedCall, @Body() body: OpeningDto): Promise<Reply<OpeningView>> {
    return this.openings.ask(call, cycle, body);
  }

  @Get()
  @BrandRoute('settlement:read', { openTo: 'any' })
  @ApiAnswer(200, OPENINGS)
  @ApiOperation({ summary: 'List the brand’s requests, and what was opened of its own customers’ purchases' })
  list(@Param('cycle') cycle: string, @CallerBrand() brand: string): Promise<OpeningsView> {
    return this.openings.list(cycle, brand);
  }

  @Get(':id')
  @BrandRoute('settlement:read', { openTo: 'any' })
  @ApiAnswer(200, OPENING)
  @ApiOperation({ summary: 'Read an opening, with the leg once it is open' })
  @ApiProblems('not_found')
  one(@Param('cycle') cycle: string, @Param('id') id: string, @CallerBrand() brand: string): Promise<OpeningView> {
    return this.openings.one(cycle, id, brand);
  }
}

/** The operator's decisions on requests. */
@Controller('v1/operator/cycles/:cycle/openings')
@ApiTags('settlement')
export class OperatorOpeningsController {
  constructor(private readonly openings: OpeningsService) {}

  @Get()
  @OperatorRoute('operator')
  @ApiAnswer(200, OPENINGS)
  @ApiOperation({ summary: 'List the openings of a cycle: who asked, why, what was decided, and by whom' })
  list(@Param('cycle') cycle: string): Promise<OpeningsView> {
    return this.openings.list(cycle, null);
  }

  @Post(':id/open')
  @OperatorRoute('operator')
  @ApiAnswer(200, OPENING)
  @ApiOperation({ summary: 'Open the leg; requires the member’s consent at the other brand' })
  @ApiProblems('validation_failed', 'not_found', 'opening_decided', 'member_consent_missing')
  open(
    @Param('cycle') cycle: string,
    @Param('id') id: string,
    @Keyed() call: KeyedCall,
    @Body() body: VerdictDto,
  ): Promise<Reply<OpeningView>> {
    return this.openings.decide(call, cycle, id, 'opened', body.reason);
  }

  @Post(':id/refuse')
  @OperatorRoute('operator')
  @ApiAnswer(200, OPENING)
  @ApiOperation({ summary: 'Refuse to open the leg' })
  @ApiProblems('validation_failed', 'not_found', 'opening_decided')
  refuse(
    @Param('cycle') cycle: string,
    @Param('id') id: string,
    @Keyed() call: KeyedCall,
    @Body() body: VerdictDto,
  ): Promise<Reply<OpeningView>> {
    return this.openings.decide(call, cycle, id, 'refused', body.reason);
  }
}
