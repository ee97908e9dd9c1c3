import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';

import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, IdempotencyKey } from '#libs/http';
import type { Reply } from '#libs/http';

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

const EXAMPLE = {
  id: 'au_06EXAMPLE000000000000000AB',
  externalId: 'C-881',
  status: 'authorized',
  points: 12_000,
  captured: 0,
  expiresAt: '2026-03-20T02:15:00Z',
  wallet: { available: 4000, held: 12_000 },
};
const VIEW = {
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
  @ApiAnswer(201, AUTHORIZATION_ANSWER)
  @ApiOperation({ summary: 'Reserve points, by a quote or directly.' })
  @ApiResponse({ status: 201, description: 'The points are held until expiresAt.', example: EXAMPLE })
  @ApiProblems(...COMMON, 'store_unknown', 'points_insufficient', 'quote_expired', 'quote_used', 'role_missing')
  authorize(
    @CallerBrand() brand: string,
    @Body() body: AuthorizationDto,
    @IdempotencyKey() key: string | undefined,
  ): Promise<Reply<AuthorizationAnswer>> {
    return this.authorizations.authorize(brand, body, key);
  }

  @Get(':id')
  @BrandRoute('spend:read')
  @ApiAnswer(200, AUTHORIZATION)
  @ApiOperation({ summary: 'Read an authorization of the calling brand.' })
  @ApiResponse({ status: 200, description: 'The current state.', example: VIEW })
  @ApiProblems('not_found')
  find(@CallerBrand() brand: string, @Param('id') id: string): Promise<AuthorizationView> {
    return this.reader.view(brand, id);
  }

  @Post(':id/captures')
  @BrandRoute('spend:write', { openTo: 'any' })
  @ApiAnswer(201, CAPTURE_ANSWER)
  @ApiOperation({ summary: 'Capture all or part of the reserved points.' })
  @ApiResponse({
    status: 201,
    description: 'The points are spent.',
    example: {
      id: 'cp_06EXAMPLE000000000000000AB',
      points: 12_000,
      authorization: { status: 'captured', captured: 12_000 },
      wallet: { available: 4000, held: 0 },
    },
  })
  @ApiProblems(
    ...COMMON,
    'authorization_closed',
    'authorization_expired',
    'capture_exceeds_authorization',
    'occurred_in_future',
    'occurred_too_early',
  )
  capture(
    @CallerBrand() brand: string,
    @Param('id') id: string,
    @Body() body: CaptureDto,
    @IdempotencyKey() key: string | undefined,
  ): Promise<Reply<CaptureAnswer>> {
    return this.captures.capture(brand, id, body, key);
  }

  @Post(':id/void')
  @HttpCode(200)
  @BrandRoute('spend:write', { openTo: 'any' })
  @ApiAnswer(200, VOID_ANSWER)
  @ApiOperation({ summary: 'Release all reserved points.' })
  @ApiResponse({
    status: 200,
    description: 'The points are spendable again.',
    example: { ...EXAMPLE, status: 'voided' },
  })
  @ApiProblems(...COMMON, 'authorization_closed', 'authorization_expired')
  voidHold(
    @CallerBrand() brand: string,
    @Param('id') id: string,
    @Body() body: VoidDto,
    @IdempotencyKey() key: string | undefined,
  ): Promise<Reply<VoidAnswer>> {
    return this.captures.voidHold(brand, id, body, key);
  }

  @Post(':id/returns')
  @BrandRoute('spend:write', { openTo: 'any' })
  @ApiAnswer(201, REDEMPTION_RETURN_ANSWER)
  @ApiOperation({ summary: 'Return points for goods that came back: the points go back to the lots they came from.' })
  @ApiResponse({
    status: 201,
    description: 'The points returned, each with its own expiry.',
    example: {
      id: 'rt_06EXAMPLE000000000000000AB',
      restored: [{ points: 2000, expiresAt: '2027-04-30T15:59:59Z' }],
      wallet: { available: 6000, held: 0 },
    },
  })
  @ApiProblems(...COMMON, 'return_exceeds_capture', 'wallet_limit_exceeded', 'occurred_in_future')
  giveBack(
    @CallerBrand() brand: string,
    @Param('id') id: string,
    @Body() body: RedemptionReturnDto,
    @IdempotencyKey() key: string | undefined,
  ): Promise<Reply<RedemptionReturnAnswer>> {
    return this.captures.giveBack(brand, id, body, key);
  }
}
