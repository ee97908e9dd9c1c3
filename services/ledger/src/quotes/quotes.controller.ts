import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';

import { BrandRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';

import { QUOTE } from './quotes.answers.js';
import type { QuoteAnswer } from './quotes.answers.js';
import { QuoteDto } from './quotes.dto.js';
import { QuotesService } from './quotes.service.js';

@ApiTags('spending')
@Controller('v1/quotes')
export class QuotesController {
  constructor(private readonly quotes: QuotesService) {}

  @Post()
  @BrandRoute('spend:write', { openTo: 'any' })
  @ApiAnswer(201, QUOTE, {
    description: 'The quote.',
    example: {
      id: 'qt_06EXAMPLE000000000000000AB',
      points: 12_000,
      value: 12_000,
      currency: 'CNY',
      reimbursement: '10800.00',
      expiresAt: '2026-03-20T02:05:00Z',
    },
  })
  @ApiOperation({ summary: 'Get the value of points at the till now; valid for five minutes.' })
  @ApiProblems(
    'validation_failed',
    'points_exceed_basket',
    'store_unknown',
    'currency_mismatch',
    'not_found',
    'brand_suspended',
    'role_missing',
    'unavailable',
  )
  ask(@Body() body: QuoteDto, @Keyed() call: KeyedCall): Promise<Reply<QuoteAnswer>> {
    return this.quotes.ask(call, body);
  }
}
