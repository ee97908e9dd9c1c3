import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed, PageQuery } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import type { ClientOwner } from './client.js';
import { CLIENT_PAGE, NEW_CLIENT, NEW_SECRET } from './clients.answers.js';
import type { ClientView, NewClientView, NewSecretView } from './clients.answers.js';
import { NewBrandClientBody } from './clients.dto.js';
import { operatorClient } from './operator-client.js';
import { ClientsService } from './clients.service.js';

@ApiTags('clients')
@Controller('v1/operator/brands/:slug/clients')
export class ClientsController {
  constructor(private readonly clients: ClientsService) {}

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, NEW_CLIENT)
  @ApiOperation({
    summary: 'Create a client of a brand; its secret is shown only once',
    description: 'Each client after the first needs a second person.',
  })
  @ApiProblems('not_found', 'validation_failed', 'second_person_needed', 'approvals_too_many', 'idempotency_conflict')
  create(
    @Param('slug') slug: string,
    @Body() body: NewBrandClientBody,
    @Keyed() call: KeyedCall,
  ): Promise<Reply<NewClientView>> {
    return this.clients.create({ brand: slug, asker: call.client }, body, call);
  }

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, CLIENT_PAGE)
  @ApiOperation({ summary: 'List the clients of a brand' })
  @ApiProblems('not_found', 'cursor_invalid')
  list(
    @CurrentCaller() caller: Caller,
    @Param('slug') slug: string,
    @Query() page: PageQuery,
  ): Promise<Page<ClientView>> {
    return this.clients.list(ownerOf(slug, caller), page);
  }

  @Delete(':clientId')
  @HttpCode(204)
  @OperatorRoute()
  @ApiAnswer(204)
  @ApiOperation({ summary: 'Revoke a client and all its secrets' })
  @ApiProblems('not_found')
  async revoke(
    @CurrentCaller() caller: Caller,
    @Param('slug') slug: string,
    @Param('clientId') clientId: string,
  ): Promise<void> {
    await this.clients.revoke(ownerOf(slug, caller), clientId);
  }

  @Post(':clientId/secrets')
  @OperatorRoute()
  @ApiAnswer(201, NEW_SECRET)
  @ApiOperation({ summary: 'Add a second live secret, with a second person; it is shown only once' })
  @ApiProblems('not_found', 'second_person_needed', 'approvals_too_many', 'client_secret_limit')
  addSecret(
    @CurrentCaller() caller: Caller,
    @Param('slug') slug: string,
    @Param('clientId') clientId: string,
  ): Promise<NewSecretView> {
    return this.clients.addSecret(ownerOf(slug, caller), clientId);
  }

  @Delete(':clientId/secrets/:secretId')
  @HttpCode(204)
  @OperatorRoute()
  @ApiAnswer(204)
  @ApiOperation({ summary: 'Revoke one secret' })
  @ApiProblems('not_found')
  async revokeSecret(
    @CurrentCaller() caller: Caller,
    @Param('slug') slug: string,
    @Param('clientId') clientId: string,
    @Param('secretId') secretId: string,
  ): Promise<void> {
    await this.clients.revokeSecret(ownerOf(slug, caller), clientId, secretId);
  }
}

function ownerOf(brand: string, caller: Caller): ClientOwner {
  return { brand, asker: operatorClient(caller) };
}
