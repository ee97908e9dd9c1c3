import { Controller, Get, Inject, Param } from '@nestjs/common';
import { InternalRoute } from '#libs/auth';
import { LinksService } from './links.service.js';
import type { LinkState } from './link.js';

/** For the other services, which know members by their brand's pseudonym only. */
@Controller('/internal/v1/links')
export class LinksController {
  constructor(@Inject(LinksService) private readonly links: LinksService) {}

  @Get(':memberRef')
  @InternalRoute()
  one(@Param('memberRef') memberRef: string): Promise<LinkState> {
    return this.links.stateOf(memberRef);
  }
}
