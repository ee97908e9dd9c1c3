import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand, OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems } from '#libs/http';
import { TIER, TIER_HISTORY, TIER_IN_FULL } from './tiers.answers.js';
import type { TierHistoryView, TierInFullView, TierView } from './tiers.answers.js';
import { BrandTierDto } from '../maps/maps.dto.js';
import { MapsService } from '../maps/maps.service.js';
import { TiersService } from './tiers.service.js';

const EXAMPLE = {
  memberRef: 'mb_01JQ8Z5W7N4X2V9T3R6P1M8K5H',
  tier: 'silver',
  rank: 1,
  since: '2026-03',
  until: '2026-12',
  credits: 3000,
  next: {
    tier: 'gold',
    rank: 2,
    anyOf: null,
    missing: { credits: { needed: 5000, have: 3000, missing: 2000 }, visits: { needed: 3, met: true } },
  },
  earnMultiplier: '1.10',
};

const IN_FULL: TierInFullView = {
  memberRef: 'mb_01JQ8Z5W7N4X2V9T3R6P1M8K5H',
  tier: 'silver',
  rank: 1,
  source: 'earned',
  earnedRank: 1,
  since: '2026-03-10T02:00:00Z',
  until: '2026-12-31T16:00:00Z',
  dropsAt: '2027-12-31T16:00:00Z',
  credits: 3000,
  visits: 4,
  brands: 2,
  next: { tier: 'gold', rank: 2, anyOf: null, missing: { credits: { needed: 5000, have: 3000, missing: 2000 } } },
  keeps: { by: '2026-12-31T16:00:00Z', anyOf: null, credits: { needed: 1000, have: 3000, missing: 0 } },
  earnMultiplier: '1.10',
  funder: 'operator',
  ladderVersion: 1,
};

@ApiTags('tiers')
@Controller('v1/members/:memberRef/tier')
export class TiersController {
  constructor(
    private readonly tiers: TiersService,
    private readonly maps: MapsService,
  ) {}

  @Get()
  @BrandRoute('members:read')
  @ApiAnswer(200, TIER, { example: EXAMPLE })
  @ApiOperation({
    summary: 'Read the member’s tier and what the next one requires',
    description:
      '`since` and `until` are months in the alliance’s time zone. For visits and brands the answer says only whether they are enough.',
  })
  @ApiProblems('not_found')
  one(@CallerBrand() brand: string, @Param('memberRef') memberRef: string): Promise<TierView> {
    return this.tiers.ofMember(brand, memberRef);
  }

  @Put()
  @BrandRoute('members:write')
  @ApiAnswer(200, TIER)
  @ApiOperation({
    summary: 'Report the member’s tier in the brand’s own programme',
    description: 'Valid until the next report. null: none.',
  })
  @ApiProblems('validation_failed', 'not_found', 'tier_unmapped', 'not_for_the_past')
  async report(
    @CallerBrand() brand: string,
    @Param('memberRef') memberRef: string,
    @Body() body: BrandTierDto,
  ): Promise<TierView> {
    await this.maps.report(
      brand,
      memberRef,
      body.brandTier ?? null,
      body.until === undefined || body.until === null ? null : new Date(body.until),
    );
    return this.tiers.ofMember(brand, memberRef);
  }
}

@ApiTags('tiers')
@Controller('v1/operator/members/:memberRef/tier')
export class TierInFullController {
  constructor(private readonly tiers: TiersService) {}

  @Get()
  @OperatorRoute('operator')
  @ApiAnswer(200, TIER_IN_FULL, { example: IN_FULL })
  @ApiOperation({
    summary:
      'Read a member’s tier, where it comes from, what the next one requires, what keeps this one, and when it will drop',
  })
  @ApiProblems('not_found')
  one(@Param('memberRef') memberRef: string): Promise<TierInFullView> {
    return this.tiers.inFull(memberRef);
  }
}

@ApiTags('tiers')
@Controller('v1/operator/members/:memberRef/tier-history')
export class TierHistoryController {
  constructor(private readonly tiers: TiersService) {}

  @Get()
  @OperatorRoute('operator')
  @ApiAnswer(200, TIER_HISTORY)
  @ApiOperation({ summary: 'List every change of a member’s tier, with the rules and figures behind it' })
  @ApiProblems('not_found')
  history(@Param('memberRef') memberRef: string): Promise<TierHistoryView> {
    return this.tiers.historyOf(memberRef);
  }
}
