import { Body, Controller, HttpCode, Param, Put } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

import { InternalRoute } from '#libs/auth';
import { memberLinkFrom, MemberLinks } from '#libs/directory';
import { fail } from '#libs/kernel';

/** Receives changes from crm right after their commit, so that a deletion takes effect before its event arrives. */
@ApiExcludeController()
@Controller('internal/v1/links')
export class LinksController {
  constructor(private readonly links: MemberLinks) {}

  @Put(':memberRef')
  @HttpCode(204)
  @InternalRoute('crm')
  async push(@Param('memberRef') memberRef: string, @Body() state: Record<string, unknown>): Promise<void> {
    const link = memberLinkFrom({ ...state, memberRef });
    if (link === null) fail('validation_failed', { detail: 'Not the state of this link.' });
    await this.links.apply(link);
  }
}
