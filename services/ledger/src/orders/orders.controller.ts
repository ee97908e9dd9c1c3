import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';

import { BrandRoute, CallerBrand } from '#libs/auth';
import { ApiAnswer, ApiProblems, BodyLimit, Keyed } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';

import { DELIVERY_ANSWER, ORDER, ORDER_ANSWER, ORDER_RETURN_ANSWER } from './orders.answers.js';
import type { DeliveryAnswer, OrderAnswer, OrderReturnAnswer, OrderView } from './orders.answers.js';
import { DeliveriesService } from './deliveries.service.js';
import { OrderReturnsService } from './order-returns.service.js';
import {
  DeliveryDto,
  deliveryFrom,
  OrderDto,
  orderFrom,
  OrderQuery,
  OrderReturnDto,
  orderReturnFrom,
} from './orders.dto.js';
import { OrdersService } from './orders.service.js';
import { PurchasesService } from './purchases.service.js';

const ORDER_EXAMPLE = {
  id: 'od_06EXAMPLE000000000000000AB',
  externalId: 'A-1001',
  memberRef: 'mb_06EXAMPLE000000000000000AB',
  points: { earned: 56, pending: 0, availableAt: null },
  lines: [{ lineId: '1', points: 56 }],
  trace: ['base v1: 1 per 100 on 5600 = 56'],
  wallet: { available: 56 },
};

@ApiTags('orders')
@Controller('v1/orders')
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly returns: OrderReturnsService,
    private readonly deliveries: DeliveriesService,
    private readonly purchases: PurchasesService,
  ) {}

  @Post()
  @BodyLimit(512 * 1024)
  @BrandRoute('orders:write', { openTo: 'any' })
  @ApiAnswer(201, ORDER_ANSWER, { description: 'What the order earned.', example: ORDER_EXAMPLE })
  @ApiOperation({ summary: 'Report a purchase: the member earns points by the rules in force at that time.' })
  @ApiProblems(
    'validation_failed',
    'store_unknown',
    'currency_mismatch',
    'occurred_in_future',
    'occurred_too_early',
    'idempotency_conflict',
    'not_found',
    'brand_suspended',
    'role_missing',
    'second_person_needed',
    'approvals_too_many',
    'queue_full',
    'unavailable',
    'outcome_unknown',
  )
  accept(
    @Body() body: OrderDto,
    @Query() query: OrderQuery,
    @Keyed() call: KeyedCall,
  ): Promise<Reply<OrderAnswer> | OrderAnswer> {
    const order = orderFrom(body);
    return query.simulate === 'true' ? this.orders.simulate(call.brand, order) : this.orders.accept(call, order);
  }

  @Get(':externalId')
  @BrandRoute('orders:read')
  @ApiAnswer(200, ORDER, { description: 'The current state of the order.' })
  @ApiOperation({ summary: 'Read an order of the calling brand, with its returns.' })
  @ApiProblems('not_found')
  find(@CallerBrand() brand: string, @Param('externalId') externalId: string): Promise<OrderView> {
    return this.purchases.view(brand, externalId);
  }

  @Post(':externalId/returns')
  @BodyLimit(512 * 1024)
  @BrandRoute('orders:write', { openTo: 'any' })
  @ApiAnswer(201, ORDER_RETURN_ANSWER, {
    description: 'What was taken back.',
    example: {
      id: 'rt_06EXAMPLE000000000000000AB',
      points: { reversed: 28, fromPending: 0, expired: 0, toDebt: 0 },
      wallet: { available: 28 },
    },
  })
  @ApiOperation({ summary: 'Report returned goods: the order keeps what its remaining lines earn.' })
  @ApiProblems(
    'validation_failed',
    'return_exceeds_purchase',
    'occurred_in_future',
    'occurred_too_early',
    'idempotency_conflict',
    'not_found',
    'brand_suspended',
    'queue_full',
    'unavailable',
    'outcome_unknown',
  )
  acceptReturn(
    @Param('externalId') externalId: string,
    @Body() body: OrderReturnDto,
    @Keyed() call: KeyedCall,
  ): Promise<Reply<OrderReturnAnswer>> {
    return this.returns.accept(call.brand, externalId, orderReturnFrom(body), call.key);
  }

  @Post(':externalId/deliveries')
  @BrandRoute('orders:write', { openTo: 'any' })
  @ApiAnswer(201, DELIVERY_ANSWER, {
    description: 'The delivery.',
    example: {
      id: 'dl_06EXAMPLE000000000000000AB',
      externalId: 'A-DEL-1',
      occurredAt: '2026-03-04T02:00:00Z',
      points: { released: 0, expired: 0 },
      wallet: { available: 56 },
    },
  })
  @ApiOperation({
    summary: 'Report that the goods of an order were delivered: points waiting for delivery become spendable.',
  })
  @ApiProblems(
    'validation_failed',
    'occurred_in_future',
    'occurred_too_early',
    'idempotency_conflict',
    'not_found',
    'brand_suspended',
    'queue_full',
    'unavailable',
    'outcome_unknown',
  )
  acceptDelivery(
    @Param('externalId') externalId: string,
    @Body() body: DeliveryDto,
    @Keyed() call: KeyedCall,
  ): Promise<Reply<DeliveryAnswer>> {
    return this.deliveries.accept(call.brand, externalId, deliveryFrom(body), call.key);
  }
}
