import { Controller, Get, Param } from '@nestjs/common';
import { InternalRoute } from '#libs/auth';
import { CONSENT_PURPOSES } from './consent.js';
import { ConsentsService } from './consents.service.js';

/** Consents, for services that need a member's consent. */
@Controller('/internal/v1/consents')
export class StandingConsentsController {
  constructor(private readonly consents: ConsentsService) {}

  /** The current state; not granted if there is no consent or the link has ended. */
  @Get(':memberRef/:purpose')
  @InternalRoute('settlement')
  async standing(
    @Param('memberRef') memberRef: string,
    @Param('purpose') purpose: string,
  ): Promise<{ granted: boolean }> {
    const known = CONSENT_PURPOSES.find((one) => one === purpose);
    return { granted: known !== undefined && (await this.consents.granted(memberRef, known)) };
  }
}
