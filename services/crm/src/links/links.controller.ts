import { Controller, Get, Query } from '@nestjs/common';
import { InternalRoute } from '#libs/auth';
import { LinksService } from './links.service.js';
import type { LinkState } from './link.js';

/** Links for the other services, which know members only by their brand's pseudonym. */
@Controller('/internal/v1/links')
export class LinksController {
  constructor(private readonly links: LinksService) {}

  /** `?refs=` of up to 100 references; unknown ones are left out. */
  @Get()
  @InternalRoute('ledger', 'membership', 'referrals')
  several(@Query('refs') refs = ''): Promise<LinkState[]> {
    return this.links.statesOf(refs.split(',').slice(0, 100));
  }
}
