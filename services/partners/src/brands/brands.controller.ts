import { Body, Controller, Get, Headers, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, BodyLimit, Keyed, PageQuery, versioned } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import { BRAND, BRAND_PAGE, STORE } from './brands.answers.js';
import type { BrandView, StoreView } from './brands.answers.js';
import { brandAnswer } from './brand-answer.js';
import { ChangeBrandBody, CreateBrandBody, StatusBody, StoreBody } from './brands.dto.js';
import { BrandsService } from './brands.service.js';

@ApiTags('operator: brands')
@Controller('v1/operator/brands')
export class BrandsController {
  constructor(private readonly brands: BrandsService) {}

  @Post()
  @BodyLimit(2048 * 1024)
  @OperatorRoute()
  @ApiAnswer(201, BRAND)
  @ApiOperation({ summary: 'Admit a brand; it starts in the sandbox' })
  @ApiProblems('validation_failed', 'brand_exists', 'idempotency_conflict')
  create(@Keyed() call: KeyedCall, @Body() body: CreateBrandBody): Promise<Reply<BrandView>> {
    return this.brands.create({ ...call, route: 'brands.create', body }, body);
  }

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, BRAND_PAGE)
  @ApiOperation({ summary: 'List brands' })
  @ApiProblems('cursor_invalid')
  async list(@Query() query: PageQuery): Promise<Page<BrandView>> {
    const { data, page } = await this.brands.list(query.limit, query.after);
    return { data: data.map(brandAnswer), page };
  }

  @Get(':slug')
  @OperatorRoute()
  @ApiAnswer(200, BRAND)
  @ApiOperation({ summary: 'Read a brand, with its ETag' })
  @ApiProblems('not_found')
  async get(@Param('slug') slug: string): Promise<Reply<BrandView>> {
    const brand = await this.brands.get(slug);
    return versioned(brandAnswer(brand), brand.version);
  }

  @Patch(':slug')
  @BodyLimit(2048 * 1024)
  @OperatorRoute()
  @ApiAnswer(200, BRAND)
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the version to change.' })
  @ApiOperation({ summary: 'Change a brand’s name or stores; requires If-Match' })
  @ApiProblems('validation_failed', 'not_found', 'precondition_failed', 'precondition_required')
  change(
    @Param('slug') slug: string,
    @Headers('if-match') expected: string | undefined,
    @Body() body: ChangeBrandBody,
  ): Promise<Reply<BrandView>> {
    return this.brands.change(slug, body, expected);
  }

  @Post(':slug/stores')
  @OperatorRoute()
  @ApiAnswer(201, STORE)
  @ApiOperation({ summary: 'Add a store' })
  @ApiProblems('validation_failed', 'not_found', 'store_exists')
  async addStore(
    @Keyed() call: KeyedCall,
    @Param('slug') slug: string,
    @Body() body: StoreBody,
  ): Promise<Reply<StoreView>> {
    return this.brands.addStore({ ...call, route: `brands.${slug}.stores.add`, body }, slug, body);
  }

  @Post(':slug/status')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, BRAND)
  @ApiOperation({ summary: 'Move a brand along its life cycle' })
  @ApiProblems('validation_failed', 'not_found', 'status_transition_refused')
  async setStatus(
    @Keyed() call: KeyedCall,
    @Param('slug') slug: string,
    @Body() body: StatusBody,
  ): Promise<Reply<BrandView>> {
    return this.brands.setStatus({ ...call, route: `brands.${slug}.status`, body }, slug, body);
  }
}
