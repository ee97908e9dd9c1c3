import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PublicRoute } from '#libs/auth';
import { ERROR_CATALOGUE, fail } from '#libs/kernel';
import { DocsService } from './docs.service.js';
import { errorCodes, isErrorCode } from './error-page.js';
import { PAGE_HEADERS, escape, inline, page } from './html.js';
import { unlessKnown } from './tagged.http.js';

/** The OpenAPI document, its page, and a page for each error code. */
@ApiExcludeController()
@Controller('docs')
export class DocsController {
  constructor(private readonly docs: DocsService) {}

  @Get()
  @PublicRoute()
  async reference(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | undefined> {
    const { html } = await this.docs.documentation();
    void reply.headers(PAGE_HEADERS);
    return unlessKnown(request, reply, html);
  }

  @Get('openapi.json')
  @PublicRoute()
  async document(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | undefined> {
    const { json } = await this.docs.documentation();
    void reply.header('content-type', 'application/json; charset=utf-8').header('access-control-allow-origin', '*');
    return unlessKnown(request, reply, json);
  }

  @Get('errors')
  @PublicRoute()
  errors(@Res({ passthrough: true }) reply: FastifyReply): string {
    void reply.headers(PAGE_HEADERS);
    const rows = errorCodes().map((code) => {
      const { status, title } = ERROR_CATALOGUE[code];
      return `<tr><td><a href="/docs/errors/${code}"><code>${code}</code></a></td><td>${status}</td><td>${escape(title)}</td></tr>`;
    });
    return page('Error codes', `<main><p><a href="/docs">API</a></p><h1>Error codes</h1><table>${rows.join('')}</table></main>`);
  }

  @Get('errors/:code')
  @PublicRoute()
  error(@Param('code') code: string, @Res({ passthrough: true }) reply: FastifyReply): string {
    if (!isErrorCode(code)) fail('not_found');
    const { title, status, retryable, meaning, remedy } = ERROR_CATALOGUE[code];
    void reply.headers(PAGE_HEADERS);
    return page(
      code,
      `<main><p><a href="/docs">API</a> · <a href="/docs/errors">Error codes</a></p><h1><code>${code}</code></h1><p><strong>${escape(title)}.</strong></p>` +
        `<table><tr><th>Status</th><td>${status}</td></tr><tr><th>Retryable</th><td>${retryable ? 'yes: the same call may succeed later' : 'no: the same call will be refused again'}</td></tr></table>` +
        `<h2>What it means</h2><p>${inline(meaning)}</p><h2>What to do</h2><p>${inline(remedy)}</p></main>`,
    );
  }
}
