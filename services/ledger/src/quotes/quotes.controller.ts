import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';

import { BrandRoute, CurrentCaller } from '#libs/auth';
import type { BrandCaller } from '#libs/auth';
import { ApiAnswer, ApiProblems, IdempotencyKey, shape } from '#libs/http';

import { QuoteDto } from './quotes.dto.js';
import { Quotes } from './quotes.service.js';

const QUOTE = shape.named('Quote', {
  id: shape.text,
  points: shape.points,
  value: shape.minor,
  currency: shape.text,
  reimbursement: shape.price,
  expiresAt: shape.instant,
});

@ApiTags('spending')
@Controller('v1/quotes')
export class QuotesController {
  constructor(private readonly quotes: Quotes) {}

  @Post()
  @BrandRoute('spend:write', { openTo: 'any' })
  @ApiAnswer(201, QUOTE)
  @ApiOperation({ summary: 'What points are worth at the till now; holds for five minutes.' })
  @ApiResponse({
    status: 201,
    description: 'The promise.',
    example: {
      id: 'qt_06EXAMPLE000000000000000AB',
      points: 12_000,
      value: 12_000,
      currency: 'CNY',
      reimbursement: '10800.00',
      expiresAt: '2026-03-20T02:05:00Z',
    },
  })
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
  async ask(
    @CurrentCaller() caller: BrandCaller,
    @Body() body: QuoteDto,
    @IdempotencyKey() key: string | undefined,
  ): Promise<unknown> {
    return this.quotes.ask(caller, body, key);
  }
}
