import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';

import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, shape } from '#libs/http';
import { fail } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { DrawOrderDto } from './draw-order.dto.js';
import { DrawOrderRepository } from './draw-order.repository.js';
import type { DrawOrder } from './draw-order.repository.js';

const OPERATOR = { brand: '*' };
const DRAW_ORDER = shape.named('DrawOrder', { version: shape.whole, prefers: shape.texts });
const EXAMPLE = { version: 2, prefers: ['limited'] };

@ApiTags('operator')
@Controller('v1/operator/draw-order')
export class DrawOrderController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: DrawOrderRepository,
  ) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, DRAW_ORDER, { description: 'The version in force.', example: EXAMPLE })
  @ApiOperation({ summary: 'Read the order in which spending uses points.' })
  @ApiProblems('unavailable')
  read(): Promise<DrawOrder> {
    return runInTransaction(this.dataSource, OPERATOR, (tx) => this.repository.inForce(tx));
  }

  @Put()
  @OperatorRoute()
  @ApiAnswer(200, DRAW_ORDER, {
    description: 'Takes effect immediately; reserved points are not affected. Each authorization keeps its version.',
    example: EXAMPLE,
  })
  @ApiOperation({ summary: 'Change the order in which spending uses points.' })
  @ApiProblems('validation_failed', 'unavailable')
  set(@Body() { prefers }: DrawOrderDto): Promise<DrawOrder> {
    const twice = prefers.findIndex((word, index) => prefers.indexOf(word) !== index);
    if (twice >= 0) {
      const detail = 'Listed twice.';
      fail('validation_failed', { errors: [{ pointer: `/prefers/${twice}`, code: 'not_allowed', detail }] });
    }
    return runInTransaction(this.dataSource, OPERATOR, (tx) => this.repository.set(tx, prefers));
  }
}
