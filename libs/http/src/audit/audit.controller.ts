import { Controller, Get, Query } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { InternalRoute } from '#libs/auth';
import { PageQuery, queryNumber } from '../paging.js';
import { IsInstant, IsText, IsWhole } from '../fields.js';
import { Transform } from 'class-transformer';
import { OperatorAudit } from './operator-audit.js';
import type { AuditEntry } from './operator-audit.js';

export class AuditFilter extends PageQuery {
  @IsText(128, { optional: true, description: 'The client that called.', example: 'cl_06EXAMPLE000000000000000AB' })
  client?: string;

  @IsText(7, { optional: true, pattern: /^[A-Z]+$/, example: 'POST' })
  method?: string;

  @IsText(512, { optional: true, description: 'Beginning of the path.', example: '/v1/operator/members/' })
  path?: string;

  @IsInstant({ optional: true, description: 'From this time on.' })
  from?: string;

  @IsInstant({ optional: true, description: 'Before this time.' })
  to?: string;
}

class OneServicesAudit extends AuditFilter {
  @IsInstant({ optional: true })
  afterAt?: string;

  @IsText(63, { optional: true })
  afterService?: string;

  @Transform(({ value }) => queryNumber(value))
  @IsWhole(0, Number.MAX_SAFE_INTEGER, { optional: true })
  afterSeq?: number;
}

/** This service's part of the operator record; the gateway merges the parts. */
@Controller('internal/v1/audit')
@ApiExcludeController()
export class AuditController {
  constructor(private readonly audit: OperatorAudit) {}

  @Get()
  @InternalRoute('gateway')
  async page(@Query() query: OneServicesAudit): Promise<{ data: AuditEntry[] }> {
    const { limit, client, method, path, from, to, afterAt, afterService, afterSeq } = query;
    const after =
      afterAt === undefined || afterService === undefined || afterSeq === undefined
        ? null
        : { at: afterAt, service: afterService, seq: afterSeq };
    const data = await this.audit.page({
      limit,
      after,
      client: client ?? null,
      method: method ?? null,
      path: path ?? null,
      from: from ?? null,
      to: to ?? null,
    });
    return { data };
  }
}
