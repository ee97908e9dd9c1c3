import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BrandRoute, PublicRoute } from '#libs/auth';
import { AnyQuery, ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { TOUCH } from './touches.answers.js';
import type { TouchView } from './touches.answers.js';
import { TouchDto } from './touches.dto.js';
import { TouchesService } from './touches.service.js';

@ApiTags('referrals')
@Controller()
export class TouchesController {
  constructor(private readonly touches: TouchesService) {}

  @Post('v1/touches')
  @BrandRoute('referrals:write')
  @ApiAnswer(201, TOUCH)
  @ApiOperation({ summary: 'Record that a member used a code; it counts for orders on which the seller reports it' })
  @ApiProblems('validation_failed', 'not_found', 'occurred_in_future', 'code_unknown', 'code_of_other_campaign')
  record(@Keyed() call: KeyedCall, @Body() body: TouchDto): Promise<Reply<TouchView>> {
    return this.touches.record(call, body);
  }

  @Get('l/:code')
  @PublicRoute()
  @AnyQuery()
  @ApiOperation({ summary: 'Follow a tracked link' })
  @ApiResponse({ status: 302, description: 'Redirect to the target, with hz_click in the query.' })
  @ApiProblems('not_found')
  async follow(
    @Param('code') code: string,
    @Req() { method }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const target = await this.touches.follow(code, method === 'GET');
    await reply.header('referrer-policy', 'no-referrer').redirect(target, 302);
  }
}
