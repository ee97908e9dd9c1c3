import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, PageQuery } from '#libs/http';
import type { Page } from '#libs/kernel';
import { LINE_PAGE, STATEMENT } from './statements.answers.js';
import { LINES_EXAMPLE, STATEMENT_EXAMPLE } from './statements.dto.js';
import { StatementsService } from './statements.service.js';
import type { StatementLine } from './rows.service.js';
import type { StatementDocument } from './statements.service.js';

/** Any brand's statement, for the operator, as the brand reads it. */
@Controller('v1/operator/cycles/:cycle/statements/:brand')
@ApiTags('settlement')
export class OperatorStatementsController {
  constructor(private readonly statements: StatementsService) {}

  @Get()
  @OperatorRoute('operator')
  @ApiAnswer(200, STATEMENT)
  @ApiOperation({ summary: 'Read a brand’s statement' })
  @ApiOkResponse({ example: STATEMENT_EXAMPLE })
  @ApiProblems('not_found')
  async statement(@Param('cycle') cycle: string, @Param('brand') brand: string): Promise<StatementDocument> {
    await this.statements.requireBrand(brand);
    return this.statements.statement(cycle, brand);
  }

  @Get('lines')
  @OperatorRoute('operator')
  @ApiAnswer(200, LINE_PAGE)
  @ApiOperation({ summary: 'List the lines of a brand’s statement' })
  @ApiOkResponse({ example: LINES_EXAMPLE })
  @ApiProblems('not_found', 'cursor_invalid')
  async lines(
    @Param('cycle') cycle: string,
    @Param('brand') brand: string,
    @Query() query: PageQuery,
  ): Promise<Page<StatementLine>> {
    await this.statements.requireBrand(brand);
    return this.statements.lines(cycle, brand, query.limit, query.after);
  }
}
