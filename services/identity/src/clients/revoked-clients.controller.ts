import { Controller, Get, Inject } from '@nestjs/common';
import { InternalRoute } from '#libs/auth';
import type { RevokedClients } from '#libs/auth';
import { ClientsService } from './clients.service.js';

/** For every process that verifies tokens. */
@Controller('internal/v1/revoked-clients')
export class RevokedClientsController {
  constructor(@Inject(ClientsService) private readonly clients: ClientsService) {}

  @Get()
  @InternalRoute()
  list(): Promise<RevokedClients> {
    return this.clients.revoked();
  }
}
