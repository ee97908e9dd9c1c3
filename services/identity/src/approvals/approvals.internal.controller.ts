import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { InternalRoute } from '#libs/auth';
import { BodyLimit } from '#libs/http';
import type { AskedApproval, GivenApproval } from '#libs/http';
import { AskApprovalBody, GuardedActBody } from './approvals.dto.js';
import { ApprovalsService } from './approvals.service.js';

/** Limit for the largest act: an earning rule with its lists of stores and categories. */
const ACT_LIMIT = 512 * 1024;

/** Approvals for services whose acts need two people. */
@Controller('internal/v1/approvals')
@ApiExcludeController()
export class ApprovalsInternalController {
  constructor(private readonly approvals: ApprovalsService) {}

  @Post()
  @HttpCode(200)
  @BodyLimit(ACT_LIMIT)
  @InternalRoute('gateway', 'partners', 'ledger', 'membership', 'referrals')
  ask(@Body() { used, ...act }: AskApprovalBody): Promise<AskedApproval> {
    return this.approvals.ask(act, used ?? null);
  }

  @Post('given')
  @HttpCode(200)
  @BodyLimit(ACT_LIMIT)
  @InternalRoute('gateway', 'partners', 'ledger', 'membership', 'referrals')
  given(@Body() act: GuardedActBody): Promise<GivenApproval | null> {
    return this.approvals.given(act);
  }

  @Post('approved')
  @HttpCode(200)
  @BodyLimit(ACT_LIMIT)
  @InternalRoute('referrals', 'settlement')
  approved(@Body() act: GuardedActBody): Promise<GivenApproval | null> {
    return this.approvals.approved(act);
  }

  @Post(':id/used')
  @HttpCode(204)
  @InternalRoute('gateway', 'partners', 'ledger', 'membership', 'referrals')
  async used(@Param('id') id: string): Promise<void> {
    await this.approvals.used(id);
  }
}
