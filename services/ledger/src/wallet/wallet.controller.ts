import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';

import { BrandRoute, CallerBrand, OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, PageQuery } from '#libs/http';
import type { Page } from '#libs/kernel';

import { ENTRY_PAGE, EXPIRATION_PAGE, LOT_PAGE, WALLET } from './wallet.answers.js';
import type { EntryView, ExpirationView, LotPage, WalletView } from './wallet.answers.js';
import { LotsQuery, WalletQuery } from './wallet.dto.js';
import { WalletViewsService } from './wallet-views.service.js';

@ApiTags('wallet')
@Controller('v1')
export class WalletController {
  constructor(private readonly views: WalletViewsService) {}

  @Get('members/:memberRef/wallet')
  @BrandRoute('wallet:read')
  @ApiAnswer(200, WALLET, {
    description: 'The whole spendable balance, whoever issued it.',
    example: {
      memberRef: 'mb_06EXAMPLE000000000000000AB',
      asOf: '2026-03-20T02:00:00Z',
      available: 12_000,
      pending: 0,
      held: 0,
      debt: 0,
      balance: 12_000,
      nextExpiry: { points: 3000, at: '2026-12-31T15:59:59Z' },
    },
  })
  @ApiOperation({ summary: 'The member’s balance.' })
  @ApiProblems('not_found')
  wallet(
    @CallerBrand() brand: string,
    @Param('memberRef') memberRef: string,
    @Query() query: WalletQuery,
  ): Promise<WalletView> {
    return this.views.wallet(brand, memberRef, query.storeRef ?? null);
  }

  @Get('members/:memberRef/wallet/entries')
  @BrandRoute('wallet:read')
  @ApiAnswer(200, ENTRY_PAGE, {
    description:
      'points: what the entry changed of balance and held, taken together. pending: what it changed of the points that wait, which count in points when they are released.',
    example: {
      data: [
        {
          id: 'po_06EXAMPLE000000000000000AB',
          type: 'accrual',
          points: 56,
          pending: 0,
          occurredAt: '2026-03-02T00:00:00Z',
          postedAt: '2026-03-02T00:00:01Z',
          reference: 'A-1001',
          reason: 'purchase',
          order: { externalId: 'A-1001' },
          trace: ['base v1: 1 per 100 on 5600'],
        },
      ],
      page: { after: null, more: false },
    },
  })
  @ApiOperation({ summary: 'List the calling brand’s own postings, newest first.' })
  @ApiProblems('not_found', 'cursor_invalid')
  entries(
    @CallerBrand() brand: string,
    @Param('memberRef') memberRef: string,
    @Query() page: PageQuery,
  ): Promise<Page<EntryView>> {
    return this.views.entries(brand, memberRef, page);
  }

  @Get('members/:memberRef/wallet/expirations')
  @BrandRoute('wallet:read')
  @ApiAnswer(200, EXPIRATION_PAGE, {
    description: 'Over the whole wallet.',
    example: { data: [{ points: 3000, at: '2026-12-31T15:59:59Z' }], page: { after: null, more: false } },
  })
  @ApiOperation({ summary: 'List when points expire and how many, soonest first.' })
  @ApiProblems('not_found', 'cursor_invalid')
  expirations(
    @CallerBrand() brand: string,
    @Param('memberRef') memberRef: string,
    @Query() page: PageQuery,
  ): Promise<Page<ExpirationView>> {
    return this.views.expirations(brand, memberRef, page);
  }

  @Get('operator/members/:memberRef/lots')
  @OperatorRoute()
  @ApiAnswer(200, LOT_PAGE, {
    description: 'In the order in which they were earned.',
    example: {
      data: [
        {
          id: 'lt_06EXAMPLE000000000000000AB',
          issuer: 'aurora',
          points: 10_000,
          remaining: 0,
          held: 0,
          pending: false,
          earnedAt: '2026-03-02T00:00:00Z',
          availableFrom: null,
          expiresAt: '2027-03-31T15:59:59Z',
          campaign: null,
          reason: 'purchase',
        },
      ],
      debts: [],
      page: { after: null, more: false },
    },
  })
  @ApiOperation({ summary: 'List every lot of the member’s wallet with its issuer; debts are listed separately.' })
  @ApiProblems('not_found', 'cursor_invalid')
  lots(@Param('memberRef') memberRef: string, @Query() page: LotsQuery): Promise<LotPage> {
    return this.views.lots(memberRef, page);
  }
}
