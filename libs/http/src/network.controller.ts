import { Body, Controller, Get, HttpCode, Inject, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import type { FastifyReply } from 'fastify';
import { InternalRoute } from '#libs/auth';
import type { ProcessConfig } from '#libs/config';
import { AllianceClock, fail, isDomainError, MAX_PAGE, parseInstant } from '#libs/kernel';
import type { ConsumerLag, SourceBacklog } from '#libs/messaging';
import { checkHealth } from '#libs/observability';
import type { HealthReport } from '#libs/observability';
import { OperatorAudit } from './audit/operator-audit.js';
import { ClockSync } from './clock-sync.js';
import type { DueItems } from './due.js';
import { IsInstant, IsText, IsWhole } from './fields.js';
import type { Check } from './invariants.js';
import { NetworkProbe } from './network-probe.js';
import { queryNumber } from './paging.js';
import type { ParkedEvent } from './parked.js';
import { CONFIG } from './tokens.js';

class ClockBody {
  /** Null returns the clock to real time. */
  @IsInstant({ optional: true })
  now?: string | null;
}

class ParkedQuery {
  @Transform(({ value }) => queryNumber(value))
  @IsWhole(1, MAX_PAGE + 1, { optional: true })
  limit: number = 100;

  /** Id of the record before the first. */
  @IsText(18, { optional: true, pattern: /^\d+$/ })
  after: string = '0';

  /** `true` leaves out those that were set aside. */
  @IsText(5, { optional: true, pattern: /^(true|false)$/ })
  open?: string;

  @IsText(128, { optional: true })
  consumer?: string;
}

class OperatorActBody {
  @IsText(128)
  by!: string;

  @IsText(128)
  requestId!: string;
}

class SetAsideBody extends OperatorActBody {
  /** The event of the record; a record of another one is not found. */
  @IsText(200)
  eventId!: string;

  @IsText(1_000)
  reason!: string;
}

/** Routes that the other services and the gateway call on every service. */
@Controller('internal/v1')
@ApiExcludeController()
export class NetworkController {
  constructor(
    private readonly probe: NetworkProbe,
    private readonly clock: AllianceClock,
    private readonly sync: ClockSync,
    @Inject(CONFIG) private readonly config: ProcessConfig,
    private readonly audit: OperatorAudit,
  ) {}

  @Put('clock')
  @HttpCode(200)
  @InternalRoute('partners')
  setClock(@Body() body: ClockBody): { now: string | null } {
    if (!this.config.testClock) fail('test_clock_disabled');
    if (body.now === undefined) {
      fail('validation_failed', { errors: [{ pointer: '/now', code: 'required', detail: 'A time or null.' }] });
    }
    this.sync.accept(body.now === null ? null : parseInstant(body.now));
    return { now: this.clock.frozenAt?.toISOString() ?? null };
  }

  @Get('ready')
  @InternalRoute('gateway')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthReport> {
    const report = await checkHealth(this.probe.checks());
    if (!report.ready) void reply.status(503);
    return report;
  }

  @Get('backlog')
  @InternalRoute('gateway', 'settlement')
  backlog(): Promise<SourceBacklog[]> {
    return this.probe.backlog();
  }

  @Get('lag')
  @InternalRoute('gateway', 'settlement')
  lag(): Promise<ConsumerLag[]> {
    return this.probe.lag();
  }

  @Get('parked')
  @InternalRoute('gateway', 'settlement')
  parked(@Query() { limit, after, open, consumer }: ParkedQuery): Promise<ParkedEvent[]> {
    const groups = consumer === undefined ? {} : { groups: [consumer] };
    return this.probe.parkedEvents(this.audit.service, { limit, after, open: open === 'true', ...groups });
  }

  @Post('parked/:id/set-aside')
  @HttpCode(200)
  @InternalRoute('gateway')
  async setAside(@Param('id') id: string, @Body() { by, requestId, eventId, reason }: SetAsideBody): Promise<object> {
    const body = { eventId, reason };
    await this.onRecord('set-aside', id, { by, requestId }, body, () => this.probe.setAside(id, eventId, by, reason));
    return {};
  }

  @Post('parked/:id/retry')
  @HttpCode(200)
  @InternalRoute('gateway')
  async retry(@Param('id') id: string, @Body() { by, requestId }: OperatorActBody): Promise<object> {
    await this.onRecord('retry', id, { by, requestId }, null, () => this.probe.tryAgain(id));
    return {};
  }

  /** Operator act forwarded by the gateway; recorded like a direct operator call to this service. */
  private async onRecord(
    act: string,
    id: string,
    { by, requestId }: { by: string; requestId: string },
    body: object | null,
    work: () => Promise<void>,
  ): Promise<void> {
    const { audit } = this;
    const seq = audit.attached
      ? await audit.begin({
          client: by,
          method: 'POST',
          route: `/v1/operator/parked/:service/:id/${act}`,
          path: `/v1/operator/parked/${audit.service}/${id.slice(0, 64)}/${act}`,
          payload: { query: {}, body },
          requestId,
        })
      : null;
    let status = 500;
    try {
      await work();
      status = 200;
    } catch (error) {
      if (isDomainError(error)) ({ status } = error);
      throw error;
    } finally {
      if (seq !== null) await audit.end(seq, status);
    }
  }

  @Get('due')
  @InternalRoute('gateway')
  due(): Promise<DueItems[]> {
    return this.probe.due();
  }

  @Get('invariants')
  @InternalRoute('gateway')
  async invariants(): Promise<{ checks: Check[] }> {
    return { checks: [...(await this.probe.invariants()), ...(await this.audit.check())] };
  }
}
