import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems } from '#libs/http';
import type { Page } from '#libs/kernel';
import { DaysService } from '../days/days.service.js';
import { COMMISSION_DAYS, COMMISSION_IN_FULL, COMMISSION_PAGE } from './commissions.answers.js';
import type { CommissionDaysView, CommissionInFullView, CommissionView } from './commissions.answers.js';
import { CommissionsQuery, DaysQuery } from './commissions.dto.js';
import { CommissionsService } from './commissions.service.js';

@ApiTags('referrals')
@Controller('v1/commissions')
export class CommissionsController {
  constructor(
    private readonly commissions: CommissionsService,
    private readonly dayTotals: DaysService,
  ) {}

  @Get()
  @BrandRoute('referrals:read')
  @ApiAnswer(200, COMMISSION_PAGE)
  @ApiOperation({
    summary:
      'List the commissions on the calling brand’s orders with every leg; another brand that earned is shown as `alliance`',
  })
  @ApiProblems('validation_failed', 'cursor_invalid')
  list(@CallerBrand() brand: string, @Query() query: CommissionsQuery): Promise<Page<CommissionView>> {
    return this.commissions.list(brand, query);
  }

  @Get('days')
  @BrandRoute('referrals:read')
  @ApiAnswer(200, COMMISSION_DAYS)
  @ApiOperation({
    summary:
      'Daily totals with a Merkle root over the legs: what the brand earned as contributor, or what its own orders cost it',
  })
  @ApiProblems('validation_failed')
  days(@CallerBrand() brand: string, @Query() query: DaysQuery): Promise<CommissionDaysView> {
    return this.dayTotals.list({ as: query.as ?? 'contributor', brand }, query.from, query.to);
  }

  @Get(':id')
  @BrandRoute('referrals:read')
  @ApiAnswer(200, COMMISSION_IN_FULL)
  @ApiOperation({ summary: 'Read a commission with the decision behind it' })
  @ApiProblems('not_found')
  one(@CallerBrand() brand: string, @Param('id') id: string): Promise<CommissionInFullView> {
    return this.commissions.one(brand, id);
  }
}
