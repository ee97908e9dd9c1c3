import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import { MEMBER, MEMBER_CREATED, MEMBER_PAGE } from './members.answers.js';
import type { MemberCreatedView, MemberView } from './members.answers.js';
import { consentFrom } from '../consents/consents.dto.js';
import { ContributeService } from './contribute.service.js';
import { ChangeMemberDto, ContributeDto, MembersQuery, proofsFrom } from './members.dto.js';
import { spelling } from './member.js';
import { MembersService } from './members.service.js';

@ApiTags('members')
@Controller('/v1/members')
export class MembersController {
  constructor(
    private readonly contributions: ContributeService,
    private readonly members: MembersService,
  ) {}

  @Post()
  @BrandRoute('members:write')
  @ApiAnswer(201, MEMBER_CREATED)
  @ApiOperation({
    summary: 'Contribute a member to the pool',
    description: 'The answer is the same whether or not the alliance already knew the person.',
  })
  @ApiProblems(
    'validation_failed',
    'contact_required',
    'consent_required',
    'member_exists',
    'member_erased',
    'consent_withdrawn',
    'brand_suspended',
    'idempotency_conflict',
    'idempotency_in_progress',
  )
  async contribute(@Keyed() call: KeyedCall, @Body() body: ContributeDto): Promise<Reply<MemberCreatedView>> {
    const contributor = await this.contributions.requireContributor(call.brand);
    const contribution = {
      externalId: body.externalId,
      ...spelling(body),
      verified: proofsFrom(body.verified),
      consents: (body.consents ?? []).map(consentFrom),
      attributes: body.attributes ?? {},
    };
    return this.contributions.contribute(call, contributor, contribution);
  }

  @Get()
  @BrandRoute('members:read')
  @ApiAnswer(200, MEMBER_PAGE)
  @ApiOperation({ summary: 'List the brand’s members, in order of joining' })
  @ApiProblems('validation_failed', 'cursor_invalid')
  list(@CallerBrand() brand: string, @Query() query: MembersQuery): Promise<Page<MemberView>> {
    return this.members.list(brand, {
      externalId: query.externalId,
      updatedAfter: query.updatedAfter,
      after: query.after,
      limit: query.limit,
    });
  }

  @Get(':memberRef')
  @BrandRoute('members:read')
  @ApiAnswer(200, MEMBER)
  @ApiOperation({ summary: 'Read a member' })
  @ApiProblems('not_found')
  one(@CallerBrand() brand: string, @Param('memberRef') memberRef: string): Promise<Reply<MemberView>> {
    return this.members.one(brand, memberRef);
  }

  @Patch(':memberRef')
  @BrandRoute('members:write')
  @ApiAnswer(200, MEMBER)
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the version to change.' })
  @ApiOperation({
    summary: 'Change a member',
    description: 'Requires If-Match. Absent fields are unchanged; null clears a field.',
  })
  @ApiProblems(
    'validation_failed',
    'contact_required',
    'member_exists',
    'consent_withdrawn',
    'not_found',
    'precondition_required',
    'precondition_failed',
  )
  change(
    @CallerBrand() brand: string,
    @Param('memberRef') memberRef: string,
    @Headers('if-match') tag: string | undefined,
    @Body() body: ChangeMemberDto,
  ): Promise<Reply<MemberView>> {
    const spelt = spelling(body);
    const change = {
      phone: body.phone === undefined ? undefined : spelt.phone,
      email: body.email === undefined ? undefined : spelt.email,
      verified: proofsFrom(body.verified),
      attributes: body.attributes ?? undefined,
    };
    return this.members.change(brand, memberRef, tag, change);
  }

  @Delete(':memberRef')
  @HttpCode(204)
  @BrandRoute('members:write')
  @ApiAnswer(204)
  @ApiOperation({
    summary: 'End a member’s link to the brand',
    description:
      'When the person’s last link ends, the alliance forgets the contact points; the points stay in the books. An earlier consent does not bring the person back.',
  })
  @ApiProblems('not_found')
  async end(@CallerBrand() brand: string, @Param('memberRef') memberRef: string): Promise<void> {
    await this.members.end(brand, memberRef);
  }
}
