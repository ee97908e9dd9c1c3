import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, AuditFilter, shape } from '#libs/http';
import type { AuditEntry } from '#libs/http';
import type { Page } from '#libs/kernel';
import { AuditService } from './audit.service.js';

const { named, text, whole, instant, maybe, page } = shape;

const ENTRY = named('AuditEntry', {
  service: text,
  seq: whole,
  at: instant,
  client: text,
  method: text,
  route: text,
  path: text,
  payloadHash: text,
  requestId: text,
  status: maybe(whole),
  hash: text,
  previousHash: maybe(text),
});

@ApiTags('operator: network')
@Controller('v1/operator/audit')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, page(ENTRY))
  @ApiOperation({
    summary: 'List what the operator’s clients did and read, newest first',
    description:
      'Every call of the operator to a service: who, what, about whom, the SHA-256 of the request, and the answer. `status` is null while the answer is not known. Times are real time, whatever the test clock says. Rows are never changed: within a service, the hash of each row covers the row before it.',
  })
  @ApiProblems('validation_failed', 'cursor_invalid', 'unavailable')
  list(@Query() query: AuditFilter): Promise<Page<AuditEntry>> {
    return this.audit.page(query);
  }
}
