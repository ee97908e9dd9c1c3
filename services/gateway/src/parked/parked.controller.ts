import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems, PageQuery, PARKED_EVENT, shape } from '#libs/http';
import type { ParkedEvent } from '#libs/http';
import { fail } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { SetAsideDto } from './parked.dto.js';
import { ParkedService } from './parked.service.js';

const EXAMPLE: ParkedEvent = {
  id: '17',
  service: 'settlement',
  status: 'waiting',
  consumer: 'settlement.ledger',
  topic: 'hezong.ledger.postings.v1',
  key: '019c2f6e-0000-7000-8000-00000000002a',
  eventId: 'po_06EXAMPLE000000000000000AB',
  type: 'hezong.ledger.v1.PostingRecorded',
  code: 'validation_failed',
  reason: 'A posting without redeemer_terms.',
  attempts: 1,
  firstFailedAt: '2026-03-05T02:00:00Z',
  lastFailedAt: '2026-03-05T02:00:00Z',
  setAside: null,
};

const pageWith = (event: ParkedEvent): Page<ParkedEvent> => ({ data: [event], page: { after: null, more: false } });

const EVENTS = shape.page(PARKED_EVENT);

/** Parked events and the operator's decisions about them. */
@ApiTags('operator: network')
@Controller('v1/operator/parked')
export class ParkedController {
  constructor(private readonly parked: ParkedService) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, EVENTS, { example: pageWith(EXAMPLE) })
  @ApiOperation({
    summary: 'List events that could not be handled',
    description:
      'By service, oldest first; for a wallet or another key, the event that the others wait for. While one is `waiting` or `trying`, the network is not settled and no cycle can be frozen.',
  })
  @ApiProblems('validation_failed', 'cursor_invalid', 'unavailable')
  list(@Query() query: PageQuery): Promise<Page<ParkedEvent>> {
    return this.parked.page(query);
  }

  @Post(':service/:id/set-aside')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, EVENTS, {
    example: pageWith({
      ...EXAMPLE,
      status: 'set_aside',
      setAside: { by: 'cl_06EXAMPLE000000000000000AB', reason: 'ticket 4711', at: '2026-03-05T03:00:00Z' },
    }),
  })
  @ApiOperation({
    summary: 'Set one event of the list aside, with a second person',
    description:
      'Nothing waits for the event any longer: those behind it are handled, and cycles can be frozen without its effects. It stays in the list with who set it aside, why and when, and can be retried.',
  })
  @ApiProblems(
    'not_found',
    'validation_failed',
    'second_person_needed',
    'approvals_too_many',
    'unavailable',
    'outcome_unknown',
  )
  async setAside(
    @Param('service') service: string,
    @Param('id') id: string,
    @Body() { reason }: SetAsideDto,
    @CurrentCaller() caller: Caller,
  ): Promise<Page<ParkedEvent>> {
    await this.parked.setAside(service, id, clientOf(caller), reason);
    return this.list(new PageQuery());
  }

  @Post(':service/:id/retry')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, EVENTS, { example: pageWith({ ...EXAMPLE, status: 'trying' }) })
  @ApiOperation({
    summary: 'Retry an event, whether or not it was set aside',
    description:
      'Repeats the event and, if it is waiting, those queued behind it. An event that fails again stays where it was.',
  })
  @ApiProblems('not_found', 'unavailable', 'outcome_unknown')
  async retry(
    @Param('service') service: string,
    @Param('id') id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<Page<ParkedEvent>> {
    await this.parked.retry(service, id, clientOf(caller));
    return this.list(new PageQuery());
  }
}

/** The id under which every other act of the client is recorded. */
function clientOf(caller: Caller): string {
  return caller.kind === 'operator' ? caller.clientId : fail('scope_missing');
}
