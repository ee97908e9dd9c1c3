import { Controller, Get } from '@nestjs/common';
import { InternalRoute } from '#libs/auth';
import { EVERY_SERVICE } from '#libs/config';
import type { RevokedClients } from '#libs/auth';
import { ClientsService } from './clients.service.js';

/** Revocations, for every process that verifies tokens. */
@Controller('internal/v1/revoked-clients')
export class RevokedClientsController {
  constructor(private readonly clients: ClientsService) {}

  @Get()
  @InternalRoute(...EVERY_SERVICE)
  list(): Promise<RevokedClients> {
    return this.clients.revoked();
  }
}
