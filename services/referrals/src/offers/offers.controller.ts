import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, BodyLimit, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import { OFFER, OFFER_PAGE, PICKUP } from './offers.answers.js';
import type { OfferView, PickupView } from './offers.answers.js';
import { OfferDto, OffersQuery, PickupDto } from './offers.dto.js';
import { OffersService } from './offers.service.js';

const EXAMPLE = {
  id: 'of_06EXAMPLE000000000000000AB',
  brand: 'birch',
  name: 'Spring',
  basis: 'order',
  currency: 'CNY',
  poolBp: 1_200,
  split: { memberRebate: 300, contributor: 250, distributor: 350, store: 120, guide: 80, operator: 100 },
  rule: 'hamilton-1',
  products: [],
  categories: ['drinks'],
  targets: ['shop.birch.example'],
  windowDays: 30,
  protectionDays: 7,
  returnDays: 14,
  caps: { order: 5_000, beneficiaryDay: 20_000, month: 500_000 },
  standing: false,
  validFrom: '2026-02-28T16:00:00Z',
  validTo: null,
  withdrawnAt: null,
  budget: 1_000_000,
  used: 0,
};
const LISTED = { ...EXAMPLE, budget: undefined, used: undefined };
const PICKED = {
  id: 'pk_06EXAMPLE000000000000000AB',
  offerId: EXAMPLE.id,
  campaign: 'spring-2026',
  createdAt: '2026-03-02T00:00:00Z',
};

@ApiTags('referrals')
@Controller('v1/offers')
export class OffersController {
  constructor(private readonly offers: OffersService) {}

  @Post()
  @BodyLimit(256 * 1024)
  @BrandRoute('referrals:write')
  @ApiAnswer(201, OFFER, { description: 'Published to the alliance.', example: EXAMPLE })
  @ApiOperation({ summary: 'Publish what the brand pays for orders that others bring' })
  @ApiProblems('validation_failed', 'split_mismatch', 'recruit_pay_refused', 'idempotency_conflict')
  publish(@Keyed() call: KeyedCall, @Body() body: OfferDto): Promise<Reply<OfferView>> {
    return this.offers.publish(call, body);
  }

  @Get()
  @BrandRoute('referrals:read')
  @ApiAnswer(200, OFFER_PAGE, {
    description: 'In order of publication.',
    example: { data: [LISTED], page: { after: null, more: false } },
  })
  @ApiOperation({ summary: 'List the alliance’s offers, or the brand’s own' })
  @ApiProblems('cursor_invalid')
  list(@CallerBrand() brand: string, @Query() query: OffersQuery): Promise<Page<OfferView>> {
    return this.offers.list(brand, query.of === 'mine', query.limit, query.after);
  }

  @Get(':id')
  @BrandRoute('referrals:read')
  @ApiAnswer(200, OFFER, { description: 'Budget and use are shown only to the offer’s brand.', example: EXAMPLE })
  @ApiOperation({ summary: 'Read an offer' })
  @ApiProblems('not_found')
  one(@CallerBrand() brand: string, @Param('id') id: string): Promise<OfferView> {
    return this.offers.one(brand, id);
  }

  @Post(':id/withdraw')
  @BrandRoute('referrals:write')
  @ApiAnswer(200, OFFER, {
    description: 'The offer pays on no new orders.',
    example: { ...EXAMPLE, withdrawnAt: '2026-03-20T02:00:00Z' },
  })
  @ApiOperation({ summary: 'Withdraw an offer for new orders' })
  @ApiProblems('not_found')
  withdraw(@Keyed() call: KeyedCall, @Param('id') id: string): Promise<Reply<OfferView>> {
    return this.offers.withdraw(call, id);
  }

  @Post(':id/pickups')
  @BrandRoute('referrals:write')
  @ApiAnswer(201, PICKUP, { description: 'Links for the campaign can now be created.', example: PICKED })
  @ApiOperation({ summary: 'Pick an offer for a campaign of the calling brand' })
  @ApiProblems('validation_failed', 'not_found', 'offer_closed', 'offer_exhausted')
  pick(@Keyed() call: KeyedCall, @Param('id') id: string, @Body() body: PickupDto): Promise<Reply<PickupView>> {
    return this.offers.pick(call, id, body.campaign);
  }
}
