import { Controller, Get, Query } from '@nestjs/common';
import { InternalRoute } from '#libs/auth';
import { LinksService } from './links.service.js';
import type { LinkState } from './link.js';

/** For the other services, which know members by their brand's pseudonym only. */
@Controller('/internal/v1/links')
export class LinksController {
  constructor(private readonly links: LinksService) {}

  /** `?refs=` of up to 100 references; who is not known is left out. */
  @Get()
  @InternalRoute('ledger', 'membership', 'referrals')
  several(@Query('refs') refs = ''): Promise<LinkState[]> {
    return this.links.statesOf(refs.split(',').slice(0, 100));
  }
}
