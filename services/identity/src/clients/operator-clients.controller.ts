import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed, PageQuery } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { Page } from '#libs/kernel';
import { operatorClient } from './operator-client.js';
import type { ClientOwner } from './client.js';
import { CLIENT_PAGE, NEW_CLIENT, NEW_SECRET } from './clients.answers.js';
import type { ClientView, NewClientView, NewSecretView } from './clients.answers.js';
import { NewOperatorClientBody } from './clients.dto.js';
import { ClientsService } from './clients.service.js';

/** The operator's own clients. Acts that need two people need two of them. */
@ApiTags('operator clients')
@Controller('v1/operator/clients')
export class OperatorClientsController {
  constructor(private readonly clients: ClientsService) {}

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, NEW_CLIENT)
  @ApiOperation({ summary: 'Create another client of the operator; its secret is shown only once' })
  @ApiProblems('validation_failed', 'second_person_needed', 'approvals_too_many', 'idempotency_conflict')
  create(@Body() body: NewOperatorClientBody, @Keyed() call: KeyedCall): Promise<Reply<NewClientView>> {
    return this.clients.create({ brand: null, asker: call.client }, body, call);
  }

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, CLIENT_PAGE)
  @ApiOperation({ summary: 'List the clients of the operator' })
  @ApiProblems('cursor_invalid')
  list(@CurrentCaller() caller: Caller, @Query() page: PageQuery): Promise<Page<ClientView>> {
    return this.clients.list(operatorFor(caller), page);
  }

  @Delete(':clientId')
  @HttpCode(204)
  @OperatorRoute()
  @ApiAnswer(204)
  @ApiOperation({
    summary: 'Revoke a client of the operator and all its secrets; never the caller’s own, never the last one',
  })
  @ApiProblems('not_found', 'last_operator_client', 'own_client')
  async revoke(@CurrentCaller() caller: Caller, @Param('clientId') clientId: string): Promise<void> {
    await this.clients.revoke(operatorFor(caller), clientId);
  }

  @Post(':clientId/secrets')
  @OperatorRoute()
  @ApiAnswer(201, NEW_SECRET)
  @ApiOperation({ summary: 'Add a second live secret to the calling client; it is shown only once' })
  @ApiProblems('not_found', 'client_not_own', 'client_secret_limit')
  addSecret(@CurrentCaller() caller: Caller, @Param('clientId') clientId: string): Promise<NewSecretView> {
    return this.clients.addSecret(operatorFor(caller), clientId);
  }

  @Delete(':clientId/secrets/:secretId')
  @HttpCode(204)
  @OperatorRoute()
  @ApiAnswer(204)
  @ApiOperation({ summary: 'Revoke one secret; revoking the only secret of a client counts as revoking the client' })
  @ApiProblems('not_found', 'last_operator_client', 'own_client')
  async revokeSecret(
    @CurrentCaller() caller: Caller,
    @Param('clientId') clientId: string,
    @Param('secretId') secretId: string,
  ): Promise<void> {
    await this.clients.revokeSecret(operatorFor(caller), clientId, secretId);
  }
}

/** The operator as owner, with the calling client. */
function operatorFor(caller: Caller): ClientOwner {
  return { brand: null, asker: operatorClient(caller) };
}
