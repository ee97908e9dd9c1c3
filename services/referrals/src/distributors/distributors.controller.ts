import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand, callerName, CurrentCaller } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, BodyLimit, Keyed, PageQuery } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import { DISTRIBUTOR, DISTRIBUTOR_PAGE, DISTRIBUTOR_ROWS } from './distributors.answers.js';
import type { DistributorRowsView, DistributorView } from './distributors.answers.js';
import { DistributorDto, DistributorsDto } from './distributors.dto.js';
import { DistributorsService } from './distributors.service.js';

@ApiTags('referrals')
@Controller('v1/distributors')
export class DistributorsController {
  constructor(private readonly distributors: DistributorsService) {}

  @Post()
  @BrandRoute('referrals:write')
  @ApiAnswer(201, DISTRIBUTOR)
  @ApiOperation({ summary: 'Register a distributor: the brand, a store, a guide or a member' })
  @ApiProblems('validation_failed', 'not_found', 'store_unknown', 'depth_exceeded', 'idempotency_conflict')
  register(@Keyed() call: KeyedCall, @Body() body: DistributorDto): Promise<Reply<DistributorView>> {
    return this.distributors.register(call, body);
  }

  @Post('imports')
  @BodyLimit(256 * 1024)
  @HttpCode(200)
  @BrandRoute('referrals:write')
  @ApiAnswer(200, DISTRIBUTOR_ROWS)
  @ApiOperation({ summary: 'Register up to 200 distributors; each row gets its own answer' })
  @ApiProblems('validation_failed')
  import(
    @CallerBrand() brand: string,
    @CurrentCaller() caller: Caller,
    @Body() body: DistributorsDto,
  ): Promise<DistributorRowsView> {
    return this.distributors.import({ brand, caller: callerName(caller) }, body.rows);
  }

  @Get()
  @BrandRoute('referrals:read')
  @ApiAnswer(200, DISTRIBUTOR_PAGE)
  @ApiOperation({ summary: 'List the brand’s distributors, in order of registration' })
  @ApiProblems('cursor_invalid')
  list(@CallerBrand() brand: string, @Query() query: PageQuery): Promise<Page<DistributorView>> {
    return this.distributors.list(brand, query.limit, query.after);
  }
}
