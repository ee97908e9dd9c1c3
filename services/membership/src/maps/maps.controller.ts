import { Body, Controller, Get, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { TIER_MAP, TIER_MAPS } from './maps.answers.js';
import type { TierMapView, TierMapsView } from './maps.answers.js';
import { TierMapDto } from './maps.dto.js';
import { MapsService } from './maps.service.js';

/** Maps from brands' own tiers to ranks of the alliance. */
@ApiTags('tiers')
@Controller('v1/tier-maps')
export class MapsController {
  constructor(private readonly maps: MapsService) {}

  @Post()
  @BrandRoute('members:write')
  @ApiAnswer(201, TIER_MAP)
  @ApiOperation({
    summary: 'Map a tier of the brand’s own programme to a rank of the alliance',
    description: 'Applies to the future only.',
  })
  @ApiProblems('validation_failed', 'not_for_the_past', 'tier_map_overlap', 'tier_map_too_high', 'idempotency_conflict')
  async create(@Keyed() call: KeyedCall, @Body() body: TierMapDto): Promise<Reply<TierMapView>> {
    const map = {
      brand: call.brand,
      brandTier: body.brandTier,
      rank: body.rank,
      validFrom: new Date(body.validFrom),
      validTo: body.validTo === undefined || body.validTo === null ? null : new Date(body.validTo),
    };
    return this.maps.create(map, call);
  }

  @Get()
  @BrandRoute('members:read')
  @ApiAnswer(200, TIER_MAPS)
  @ApiOperation({ summary: 'List the brand’s tier maps' })
  async list(@CallerBrand() brand: string): Promise<TierMapsView> {
    return { data: await this.maps.list(brand) };
  }
}
