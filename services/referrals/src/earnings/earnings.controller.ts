import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { CONVERSION, EARNINGS } from './earnings.answers.js';
import type { ConversionView, EarningsView } from './earnings.answers.js';
import { CommissionsService } from '../commissions/commissions.service.js';
import { DaysService } from '../days/days.service.js';
import { ConversionDto, EarningsQuery } from './earnings.dto.js';
import { WalletsService } from './wallets.service.js';

@ApiTags('referrals')
@Controller('v1/earnings')
export class EarningsController {
  constructor(
    private readonly wallets: WalletsService,
    private readonly commissions: CommissionsService,
    private readonly days: DaysService,
  ) {}

  @Get()
  @BrandRoute('referrals:read')
  @ApiAnswer(200, EARNINGS)
  @ApiOperation({ summary: 'Read the earnings of the brand, a store, a guide or a member' })
  @ApiProblems('validation_failed', 'not_found', 'store_unknown')
  async wallet(@CallerBrand() brand: string, @Query() query: EarningsQuery): Promise<EarningsView> {
    await this.commissions.releaseDue();
    await this.days.close();
    return this.wallets.wallet(brand, query);
  }

  @Post('conversions')
  @BrandRoute('referrals:write')
  @ApiAnswer(201, CONVERSION)
  @ApiOperation({ summary: 'Convert a member’s earnings into points at the current price' })
  @ApiProblems(
    'validation_failed',
    'not_found',
    'second_person_needed',
    'approvals_too_many',
    'currency_mismatch',
    'earnings_insufficient',
    'conversion_unpriced',
    'idempotency_conflict',
  )
  async convert(@Keyed() call: KeyedCall, @Body() body: ConversionDto): Promise<Reply<ConversionView>> {
    await this.commissions.releaseDue();
    return this.wallets.convert(call, body);
  }
}
