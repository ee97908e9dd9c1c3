import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';

import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';

import {
  AUTHORIZATION,
  AUTHORIZATION_ANSWER,
  CAPTURE_ANSWER,
  REDEMPTION_RETURN_ANSWER,
  VOID_ANSWER,
} from './authorizations.answers.js';
import type {
  AuthorizationAnswer,
  AuthorizationView,
  CaptureAnswer,
  RedemptionReturnAnswer,
  VoidAnswer,
} from './authorizations.answers.js';
import { AuthorizationsReaderService } from './authorizations-reader.service.js';
import { AuthorizationDto, CaptureDto, RedemptionReturnDto, VoidDto } from './authorizations.dto.js';
import { AuthorizationsService } from './authorizations.service.js';
import { CapturesService } from './captures.service.js';

const EXAMPLE: AuthorizationAnswer = {
  id: 'au_06EXAMPLE000000000000000AB',
  externalId: 'C-881',
  status: 'authorized',
  points: 12_000,
  captured: 0,
  expiresAt: '2026-03-20T02:15:00Z',
  wallet: { available: 4000, held: 12_000 },
};
const VIEW: AuthorizationView = {
  id: EXAMPLE.id,
  externalId: 'C-881',
  memberRef: 'mb_06EXAMPLE000000000000000AB',
  storeRef: 'C-014',
  status: 'captured',
  points: 12_000,
  captured: 12_000,
  returned: 0,
  createdAt: '2026-03-20T02:00:00Z',
  expiresAt: EXAMPLE.expiresAt,
};
const COMMON = [
  'validation_failed',
  'idempotency_conflict',
  'not_found',
  'brand_suspended',
  'queue_full',
  'unavailable',
  'outcome_unknown',
] as const;

@ApiTags('spending')
@Controller('v1/authorizations')
export class AuthorizationsController {
  constructor(
    private readonly authorizations: AuthorizationsService,
    private readonly captures: CapturesService,
    private readonly reader: AuthorizationsReaderService,
  ) {}

  @Post()
  @BrandRoute('spend:write', { openTo: 'any' })
  @ApiAnswer(201, AUTHORIZATION_ANSWER, { description: 'The points are held until expiresAt.', example: EXAMPLE })
  @ApiOperation({ summary: 'Reserve points, by a quote or directly.' })
  @ApiProblems(...COMMON, 'store_unknown', 'points_insufficient', 'quote_expired', 'quote_used', 'role_missing')
  authorize(@Body() body: AuthorizationDto, @Keyed() call: KeyedCall): Promise<Reply<AuthorizationAnswer>> {
    return this.authorizations.authorize(call.brand, body, call.key);
  }

  @Get(':id')
  @BrandRoute('spend:read')
  @ApiAnswer(200, AUTHORIZATION, { description: 'The current state.', example: VIEW })
  @ApiOperation({ summary: 'Read an authorization of the calling brand.' })
  @ApiProblems('not_found')
  find(@CallerBrand() brand: string, @Param('id') id: string): Promise<AuthorizationView> {
    return this.reader.view(brand, id);
  }

  @Post(':id/captures')
  @BrandRoute('spend:write', { openTo: 'any' })
  @ApiAnswer(201, CAPTURE_ANSWER, {
    description: 'The points are spent.',
    example: {
      id: 'cp_06EXAMPLE000000000000000AB',
      points: 12_000,
      authorization: { status: 'captured', captured: 12_000 },
      wallet: { available: 4000, held: 0 },
    },
  })
  @ApiOperation({ summary: 'Capture all or part of the reserved points.' })
  @ApiProblems(
    ...COMMON,
    'authorization_closed',
    'authorization_expired',
    'capture_exceeds_authorization',
    'occurred_in_future',
    'occurred_too_early',
  )
  capture(@Param('id') id: string, @Body() body: CaptureDto, @Keyed() call: KeyedCall): Promise<Reply<CaptureAnswer>> {
    return this.captures.capture(call.brand, id, body, call.key);
  }

  @Post(':id/void')
  @HttpCode(200)
  @BrandRoute('spend:write', { openTo: 'any' })
  @ApiAnswer(200, VOID_ANSWER, {
    description: 'The points are spendable again.',
    example: { ...EXAMPLE, status: 'voided' },
  })
  @ApiOperation({ summary: 'Release all reserved points.' })
  @ApiProblems(...COMMON, 'authorization_closed', 'authorization_expired')
  voidHold(@Param('id') id: string, @Body() body: VoidDto, @Keyed() call: KeyedCall): Promise<Reply<VoidAnswer>> {
    return this.captures.voidHold(call.brand, id, body, call.key);
  }

  @Post(':id/returns')
  @BrandRoute('spend:write', { openTo: 'any' })
  @ApiAnswer(201, REDEMPTION_RETURN_ANSWER, {
    description: 'The points returned, each with its own expiry.',
    example: {
      id: 'rt_06EXAMPLE000000000000000AB',
      restored: [{ points: 2000, expiresAt: '2027-04-30T15:59:59Z' }],
      wallet: { available: 6000, held: 0 },
    },
  })
  @ApiOperation({ summary: 'Return points for goods that came back: the points go back to the lots they came from.' })
  @ApiProblems(...COMMON, 'return_exceeds_capture', 'wallet_limit_exceeded', 'occurred_in_future')
  giveBack(
    @Param('id') id: string,
    @Body() body: RedemptionReturnDto,
    @Keyed() call: KeyedCall,
  ): Promise<Reply<RedemptionReturnAnswer>> {
    return this.captures.giveBack(call.brand, id, body, call.key);
  }
}
