import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed, PageQuery } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import { CONSENT, CONSENT_PAGE } from './consents.answers.js';
import type { ConsentView } from './consents.answers.js';
import { ConsentDto, consentFrom } from './consents.dto.js';
import { ConsentsService } from './consents.service.js';

@ApiTags('members')
@Controller('/v1/members/:memberRef/consents')
export class ConsentsController {
  constructor(private readonly consents: ConsentsService) {}

  @Post()
  @BrandRoute('members:write')
  @ApiAnswer(201, CONSENT)
  @ApiOperation({
    summary: 'Record a consent or its withdrawal',
    description: 'Withdrawing join_pool ends the link, like DELETE.',
  })
  @ApiProblems('validation_failed', 'not_found', 'idempotency_conflict', 'idempotency_in_progress')
  async add(
    @Keyed() call: KeyedCall,
    @Param('memberRef') memberRef: string,
    @Body() body: ConsentDto,
  ): Promise<Reply<ConsentView>> {
    return this.consents.add(call, memberRef, consentFrom(body));
  }

  @Get()
  @BrandRoute('members:read')
  @ApiAnswer(200, CONSENT_PAGE)
  @ApiOperation({ summary: 'List a member’s consents, oldest first' })
  @ApiProblems('not_found', 'cursor_invalid')
  list(
    @CallerBrand() brand: string,
    @Param('memberRef') memberRef: string,
    @Query() query: PageQuery,
  ): Promise<Page<ConsentView>> {
    return this.consents.list(brand, memberRef, query.limit, query.after);
  }
}
