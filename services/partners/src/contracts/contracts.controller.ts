import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { instantFrom } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { CONTRACT, CONTRACT_PAGE } from './contracts.answers.js';
import type { ContractView } from './contracts.answers.js';
import { CreateContractBody, EndContractBody } from './contracts.dto.js';
import { ContractsService } from './contracts.service.js';

@ApiTags('operator: contracts')
@Controller('v1/operator/brands/:slug/contracts')
export class ContractsController {
  constructor(private readonly contracts: ContractsService) {}

  @Post()
  @OperatorRoute()
  @ApiAnswer(201, CONTRACT)
  @ApiOperation({ summary: 'Add a contract version' })
  @ApiProblems(
    'validation_failed',
    'not_found',
    'contract_overlap',
    'funding_mode_unsupported',
    'second_person_needed',
    'approvals_too_many',
  )
  async create(
    @Keyed() call: KeyedCall,
    @Param('slug') slug: string,
    @Body() body: CreateContractBody,
  ): Promise<Reply<ContractView>> {
    return this.contracts.create({ ...call, route: `brands.${slug}.contracts.create`, body }, slug, body);
  }

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, CONTRACT_PAGE)
  @ApiOperation({ summary: 'List the contract versions of a brand' })
  @ApiProblems('not_found')
  async list(@Param('slug') slug: string): Promise<Page<ContractView>> {
    return { data: await this.contracts.list(slug), page: { after: null, more: false } };
  }

  @Post(':id/end')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, CONTRACT)
  @ApiOperation({ summary: 'Set the open end of a version to a future time' })
  @ApiProblems('validation_failed', 'not_found', 'contract_ended', 'second_person_needed', 'approvals_too_many')
  async end(
    @Keyed() call: KeyedCall,
    @Param('slug') slug: string,
    @Param('id') id: string,
    @Body() body: EndContractBody,
  ): Promise<Reply<ContractView>> {
    const operation = { ...call, route: `brands.${slug}.contracts.${id}.end`, body };
    return this.contracts.end(operation, slug, id, instantFrom(body.validTo));
  }
}
