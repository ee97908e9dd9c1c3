import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand, OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, IsCurrency } from '#libs/http';
import { DISCLOSURE } from './disclosure.answers.js';
import type { DisclosureView } from './disclosure.answers.js';
import { DisclosureService } from './disclosure.service.js';

export class DisclosureQuery {
  @IsCurrency({ optional: true })
  currency?: string;
}

@ApiTags('referrals')
@Controller('v1')
export class DisclosureController {
  constructor(private readonly disclosure: DisclosureService) {}

  @Get('programmes/:offerId/disclosure')
  @BrandRoute('referrals:read')
  @ApiAnswer(200, DISCLOSURE)
  @ApiOperation({
    summary:
      'Read how the earnings of an offer are distributed over its distributors on closed days; only its seller sees it, other brands get null',
  })
  @ApiProblems('not_found')
  ofOffer(
    @CallerBrand() brand: string,
    @Param('offerId') offerId: string,
    @Query() query: DisclosureQuery,
  ): Promise<DisclosureView> {
    return this.disclosure.of(brand, offerId, query.currency ?? 'CNY');
  }

  @Get('operator/referrals/disclosure')
  @OperatorRoute()
  @ApiAnswer(200, DISCLOSURE)
  @ApiOperation({ summary: 'Read how earnings are distributed over all distributors of the alliance on closed days' })
  ofAlliance(@Query() query: DisclosureQuery): Promise<DisclosureView> {
    return this.disclosure.of(null, null, query.currency ?? 'CNY');
  }
}
