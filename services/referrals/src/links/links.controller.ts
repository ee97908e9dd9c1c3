import { Body, Controller, Get, Header, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed, PageQuery, shape } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import { LINK, LINK_PAGE } from './links.answers.js';
import type { LinkView } from './links.answers.js';
import { LinkDto } from './links.dto.js';
import { LinksService } from './links.service.js';

const EXAMPLE: LinkView = {
  id: 'lk_06EXAMPLE000000000000000AB',
  code: '4N7P8R1S5D9XJ',
  url: 'https://api.hezong.example/l/4N7P8R1S5D9XJ',
  offerId: 'of_06EXAMPLE000000000000000AB',
  seller: 'birch',
  campaign: 'spring-2026',
  owner: { kind: 'member', ref: 'mb_01JQ8Z5W7N4X2V9T3R6P1M8K5H' },
  target: 'https://shop.birch.example/spring',
  clicks: 41,
  createdAt: '2026-03-02T00:00:00Z',
};

@ApiTags('referrals')
@Controller('v1/links')
export class LinksController {
  constructor(private readonly links: LinksService) {}

  @Post()
  @BrandRoute('referrals:write')
  @ApiAnswer(201, LINK, { description: 'The link, with its code and its address.', example: EXAMPLE })
  @ApiOperation({ summary: 'Create a tracked link with a code for the brand, a store, a guide or a member' })
  @ApiProblems(
    'validation_failed',
    'not_found',
    'store_unknown',
    'offer_closed',
    'offer_exhausted',
    'offer_not_picked',
    'target_refused',
    'depth_exceeded',
    'idempotency_conflict',
  )
  make(@Keyed() call: KeyedCall, @Body() body: LinkDto): Promise<Reply<LinkView>> {
    return this.links.make(call, body);
  }

  @Get()
  @BrandRoute('referrals:read')
  @ApiAnswer(200, LINK_PAGE, {
    description: 'In order of creation.',
    example: { data: [EXAMPLE], page: { after: null, more: false } },
  })
  @ApiOperation({ summary: 'List the brand’s links, oldest first' })
  @ApiProblems('cursor_invalid')
  list(@CallerBrand() brand: string, @Query() query: PageQuery): Promise<Page<LinkView>> {
    return this.links.list(brand, query.limit, query.after);
  }

  @Get(':id')
  @BrandRoute('referrals:read')
  @ApiAnswer(200, LINK, { description: 'The link.', example: EXAMPLE })
  @ApiOperation({ summary: 'Read a link' })
  @ApiProblems('not_found')
  one(@CallerBrand() brand: string, @Param('id') id: string): Promise<LinkView> {
    return this.links.one(brand, id);
  }

  @Get(':id/qr')
  @BrandRoute('referrals:read')
  @Header('content-type', 'image/svg+xml')
  @ApiProduces('image/svg+xml')
  @ApiAnswer(200, shape.text)
  @ApiOperation({ summary: 'Get the link’s address as a QR code' })
  @ApiProblems('not_found')
  qr(@CallerBrand() brand: string, @Param('id') id: string): Promise<string> {
    return this.links.qr(brand, id);
  }
}
