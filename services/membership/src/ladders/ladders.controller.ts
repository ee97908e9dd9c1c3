import { Body, Controller, Get, HttpCode, Param, ParseIntPipe, Post, Query } from '@nestjs/common';
import { ApiBody, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiAnswers, ApiProblems, Keyed, Reply } from '#libs/http';
import type { KeyedCall } from '#libs/http';
import { fail } from '#libs/kernel';
import { LADDER, LADDER_EXAMPLE, LADDER_MOVES, LADDERS, MOVES_EXAMPLE, PROPOSAL_EXAMPLE } from './ladders.answers.js';
import type { LadderMovesView, LadderView, LaddersView } from './ladders.answers.js';
import { ladderDocument } from './ladder-document.js';
import { LadderDto, LadderEndDto, LadderQuery, ladderTermsFrom } from './ladders.dto.js';
import { ProposeLadderService } from './propose-ladder.service.js';

@ApiTags('tiers')
@Controller('v1/operator/tier-ladders')
export class LaddersController {
  constructor(private readonly ladders: ProposeLadderService) {}

  @Post()
  @OperatorRoute('operator')
  @ApiAnswers({ 200: LADDER_MOVES, 201: LADDER })
  @ApiOperation({
    summary: 'Add a tier ladder',
    description:
      'With dryRun=true: how many members would move from which rank to which. A ladder with a multiplier above 2 requires two people.',
  })
  @ApiBody({ type: LadderDto, examples: { successor: { value: PROPOSAL_EXAMPLE } } })
  @ApiOkResponse({ description: 'A dry run: nothing was stored.', example: MOVES_EXAMPLE })
  @ApiCreatedResponse({ description: 'In force from validFrom on.', example: LADDER_EXAMPLE })
  @ApiProblems(
    'validation_failed',
    'ladder_invalid',
    'ladder_overlap',
    'ladder_ended',
    'brand_unknown',
    'not_for_the_past',
    'not_found',
    'second_person_needed',
    'approvals_too_many',
    'idempotency_conflict',
  )
  async propose(
    @Body() body: LadderDto,
    @Query() query: LadderQuery,
    @Keyed() call: KeyedCall,
  ): Promise<Reply<LadderView | LadderMovesView>> {
    const named = (body.brands ?? []).map(({ brand }) => brand);
    const twice = named.findIndex((brand, i) => named.indexOf(brand) !== i);
    if (twice !== -1)
      fail('ladder_invalid', {
        errors: [{ pointer: `/brands/${twice}/brand`, code: 'duplicate', detail: 'The brand is named twice.' }],
      });
    const proposal = { terms: ladderTermsFrom(body), supersedes: body.supersedes ?? null };
    if (query.dryRun === 'true') return new Reply(200, await this.ladders.tryOut(proposal));
    return this.ladders.propose(proposal, call);
  }

  @Get()
  @OperatorRoute('operator')
  @ApiAnswer(200, LADDERS, { example: { data: [LADDER_EXAMPLE] } })
  @ApiOperation({ summary: 'List tier ladders, by validity' })
  async list(): Promise<LaddersView> {
    return { data: (await this.ladders.list()).map(ladderDocument) };
  }

  @Get(':version')
  @OperatorRoute('operator')
  @ApiAnswer(200, LADDER, { example: LADDER_EXAMPLE })
  @ApiOperation({ summary: 'Read a tier ladder' })
  @ApiProblems('not_found')
  async one(
    @Param('version', new ParseIntPipe({ exceptionFactory: () => fail('not_found') })) version: number,
  ): Promise<LadderView> {
    return ladderDocument(await this.ladders.one(version));
  }

  @Post(':version/end')
  @HttpCode(200)
  @OperatorRoute('operator')
  @ApiAnswer(200, LADDER, { example: { ...LADDER_EXAMPLE, validTo: '2027-12-31T16:00:00Z' } })
  @ApiOperation({ summary: 'End a tier ladder', description: 'Sets the open end: once, and not in the past.' })
  @ApiProblems('validation_failed', 'not_found', 'ladder_ended', 'not_for_the_past')
  async end(
    @Param('version', new ParseIntPipe({ exceptionFactory: () => fail('not_found') })) version: number,
    @Body() body: LadderEndDto,
  ): Promise<LadderView> {
    return ladderDocument(await this.ladders.end(version, new Date(body.validTo)));
  }
}
