import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, PageQuery } from '#libs/http';
import type { Page } from '#libs/kernel';
import { LINE_PAGE, LINES_EXAMPLE, STATEMENT, STATEMENT_EXAMPLE } from './statements.answers.js';
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
  @ApiAnswer(200, STATEMENT, { example: STATEMENT_EXAMPLE })
  @ApiOperation({ summary: 'Read a brand’s statement' })
  @ApiProblems('not_found')
  async statement(@Param('cycle') cycle: string, @Param('brand') brand: string): Promise<StatementDocument> {
    await this.statements.requireBrand(brand);
    return this.statements.statement(cycle, brand);
  }

  @Get('lines')
  @OperatorRoute('operator')
  @ApiAnswer(200, LINE_PAGE, { example: LINES_EXAMPLE })
  @ApiOperation({ summary: 'List the lines of a brand’s statement' })
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
