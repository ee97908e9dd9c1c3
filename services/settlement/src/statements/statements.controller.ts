import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, PageQuery } from '#libs/http';
import type { Page } from '#libs/kernel';
import { LINE_PAGE, LINES_EXAMPLE, STATEMENT, STATEMENT_EXAMPLE } from './statements.answers.js';
import { FileQuery } from './statements.dto.js';
import { StatementFileService } from './statement-file.service.js';
import { StatementsService } from './statements.service.js';
import type { StatementLine } from './rows.service.js';
import type { StatementDocument } from './statements.service.js';

const FILE = { schema: { type: 'string' } };
const FILE_JSON = {
  schema: {
    type: 'object',
    required: ['statement', 'lines'],
    properties: { statement: { type: 'object' }, lines: { type: 'array', items: { type: 'object' } } },
  },
};

/** A brand's debts and claims of a cycle, down to the line. */
@Controller('v1/cycles/:cycle/statements/me')
@ApiTags('settlement')
export class StatementsController {
  constructor(
    private readonly statements: StatementsService,
    private readonly files: StatementFileService,
  ) {}

  @Get()
  @BrandRoute('settlement:read', { openTo: 'any' })
  @ApiAnswer(200, STATEMENT, { example: STATEMENT_EXAMPLE })
  @ApiOperation({
    summary: 'Read the calling brand’s statement; a preview until the cycle is frozen',
    description: 'Until then, totals include a day once it is over; the brand’s own lines count immediately.',
  })
  @ApiProblems('not_found')
  statement(@Param('cycle') cycle: string, @CallerBrand() brand: string): Promise<StatementDocument> {
    return this.statements.statement(cycle, brand);
  }

  @Get('lines')
  @BrandRoute('settlement:read', { openTo: 'any' })
  @ApiAnswer(200, LINE_PAGE, { example: LINES_EXAMPLE })
  @ApiOperation({ summary: 'List the lines of the calling brand’s statement, in posting order' })
  @ApiProblems('not_found', 'cursor_invalid')
  lines(
    @Param('cycle') cycle: string,
    @CallerBrand() brand: string,
    @Query() query: PageQuery,
  ): Promise<Page<StatementLine>> {
    return this.statements.lines(cycle, brand, query.limit, query.after);
  }

  @Get('file')
  @BrandRoute('settlement:read', { openTo: 'any' })
  @ApiOkResponse({
    description: 'The file.',
    content: { 'application/jsonl': FILE, 'application/json': FILE_JSON, 'text/csv': FILE },
  })
  @ApiOperation({
    summary: 'Download the settlement file: the rows covered by the statement’s hash (JSONL), or the lines as CSV',
  })
  @ApiProblems('not_found', 'cycle_state')
  async file(
    @Param('cycle') cycle: string,
    @CallerBrand() brand: string,
    @Query() query: FileQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const file = await this.files.open(cycle, brand, query.format ?? 'jsonl');
    await reply
      .header('content-type', file.contentType)
      .header('content-disposition', `attachment; filename="${file.name}"`)
      .send(file.content);
  }
}
