import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { BrandRoute, CallerBrand, callerName, CurrentCaller } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, BodyLimit, IdempotencyKey, sendOutcome } from '#libs/http';
import type { Page } from '#libs/kernel';
import { OFFER, OFFER_PAGE, PICKUP } from './offers.answers.js';
import { OfferDto, OffersQuery, PickupDto } from './offers.dto.js';
import { OffersService } from './offers.service.js';

@ApiTags('referrals')
@Controller('v1/offers')
export class OffersController {
  constructor(private readonly offers: OffersService) {}

  @Post()
  @BodyLimit(256 * 1024)
  @BrandRoute('referrals:write')
  @ApiAnswer(201, OFFER)
  @ApiOperation({ summary: 'Publish what the brand pays for orders that others bring' })
  @ApiProblems('validation_failed', 'split_mismatch', 'recruit_pay_refused', 'idempotency_conflict')
  async publish(
    @CallerBrand() brand: string,
    @CurrentCaller() caller: Caller,
    @IdempotencyKey() key: string | undefined,
    @Body() body: OfferDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return sendOutcome(reply, await this.offers.publish(brand, callerName(caller), key, body));
  }

  @Get()
  @BrandRoute('referrals:read')
  @ApiAnswer(200, OFFER_PAGE)
  @ApiOperation({ summary: 'Offers of the alliance, or the brand’s own' })
  @ApiProblems('cursor_invalid')
  list(@CallerBrand() brand: string, @Query() query: OffersQuery): Promise<Page<object>> {
    return this.offers.list(brand, query.of === 'mine', query.limit, query.after);
  }

  @Get(':id')
  @BrandRoute('referrals:read')
  @ApiAnswer(200, OFFER)
  @ApiOperation({ summary: 'One offer' })
  @ApiProblems('not_found')
  one(@CallerBrand() brand: string, @Param('id') id: string): Promise<object> {
    return this.offers.one(brand, id);
  }

  @Post(':id/withdraw')
  @BrandRoute('referrals:write')
  @ApiAnswer(200, OFFER)
  @ApiOperation({ summary: 'End an offer for new orders' })
  @ApiProblems('not_found')
  async withdraw(
    @CallerBrand() brand: string,
    @CurrentCaller() caller: Caller,
    @IdempotencyKey() key: string | undefined,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return sendOutcome(reply, await this.offers.withdraw(brand, callerName(caller), key, id));
  }

  @Post(':id/pickups')
  @BrandRoute('referrals:write')
  @ApiAnswer(201, PICKUP)
  @ApiOperation({ summary: 'Pick an offer for a campaign of the calling brand' })
  @ApiProblems('validation_failed', 'not_found', 'offer_closed', 'offer_exhausted')
  async pick(
    @CallerBrand() brand: string,
    @CurrentCaller() caller: Caller,
    @IdempotencyKey() key: string | undefined,
    @Param('id') id: string,
    @Body() body: PickupDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return sendOutcome(reply, await this.offers.pick(brand, callerName(caller), key, id, body.campaign));
  }
}
