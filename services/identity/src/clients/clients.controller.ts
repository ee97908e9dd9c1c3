import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsObject, IsOptional } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { BRAND_SCOPES, CurrentCaller, OperatorRoute, callerName } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, IdempotencyKey, IsOneOf, IsText, PageQuery, sendOutcome } from '#libs/http';
import type { Page } from '#libs/kernel';
import { CLIENT_PAGE, NEW_CLIENT, NEW_SECRET } from './clients.answers.js';
import { ClientsService } from './clients.service.js';
import type { ClientView, NewSecret } from './clients.service.js';
import { checkedJwks } from './public-jwks.js';

class NewClientBody {
  @IsText(80, { example: 'pos', description: 'For people: which machine this is.' })
  name!: string;

  @IsOneOf(BRAND_SCOPES, { each: true, optional: true, description: 'All that a brand may have, if absent.' })
  scopes?: string[] | null;

  @IsOptional()
  @IsObject()
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Public keys: the client then authenticates by private_key_jwt and has no secret.',
  })
  jwks?: Record<string, unknown> | null;
}

@ApiTags('clients')
@Controller('v1/operator/brands/:slug/clients')
export class ClientsController {
  constructor(@Inject(ClientsService) private readonly clients: ClientsService) {}

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, NEW_CLIENT)
  @ApiOperation({ summary: 'Make a client of a brand; its secret is shown this once' })
  @ApiProblems('not_found', 'validation_failed', 'idempotency_conflict')
  async create(
    @Param('slug') slug: string,
    @Body() body: NewClientBody,
    @CurrentCaller() caller: Caller,
    @IdempotencyKey() key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const scopes = body.scopes ?? null;
    const wish = {
      name: body.name,
      scopes: scopes === null || scopes.length === 0 ? null : scopes,
      jwks: body.jwks === undefined || body.jwks === null ? null : await checkedJwks(body.jwks),
    };
    return sendOutcome(reply, await this.clients.create(slug, wish, { caller: callerName(caller), key }));
  }

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, CLIENT_PAGE)
  @ApiOperation({ summary: 'Clients of a brand' })
  @ApiProblems('not_found', 'cursor_invalid')
  list(@Param('slug') slug: string, @Query() page: PageQuery): Promise<Page<ClientView>> {
    return this.clients.list(slug, page);
  }

  @Delete(':clientId')
  @HttpCode(204)
  @OperatorRoute()
  @ApiAnswer(204)
  @ApiOperation({ summary: 'Revoke a client and all its secrets' })
  @ApiProblems('not_found')
  async revoke(@Param('slug') slug: string, @Param('clientId') clientId: string): Promise<void> {
    await this.clients.revoke(slug, clientId);
  }

  @Post(':clientId/secrets')
  @OperatorRoute()
  @ApiAnswer(201, NEW_SECRET)
  @ApiOperation({ summary: 'Add a second live secret; it is shown this once' })
  @ApiProblems('not_found', 'client_secret_limit')
  addSecret(@Param('slug') slug: string, @Param('clientId') clientId: string): Promise<NewSecret> {
    return this.clients.addSecret(slug, clientId);
  }

  @Delete(':clientId/secrets/:secretId')
  @HttpCode(204)
  @OperatorRoute()
  @ApiAnswer(204)
  @ApiOperation({ summary: 'Revoke one secret' })
  @ApiProblems('not_found')
  async revokeSecret(
    @Param('slug') slug: string,
    @Param('clientId') clientId: string,
    @Param('secretId') secretId: string,
  ): Promise<void> {
    await this.clients.revokeSecret(slug, clientId, secretId);
  }
}
