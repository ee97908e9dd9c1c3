import { Body, Controller, Get, HttpCode, Inject, Put, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { InternalRoute } from '#libs/auth';
import type { ProcessConfig } from '#libs/config';
import { AllianceClock, fail, parseInstant } from '#libs/kernel';
import type { ConsumerLag, SourceBacklog } from '#libs/messaging';
import { checkHealth } from '#libs/observability';
import type { HealthReport } from '#libs/observability';
import { OperatorAudit } from './audit/operator-audit.js';
import { ClockSync } from './clock-sync.js';
import type { DueItems } from './due.js';
import { IsInstant } from './fields.js';
import type { Check } from './invariants.js';
import { NetworkProbe } from './network-probe.js';
import { CONFIG } from './tokens.js';

class ClockBody {
  /** Null releases the clock to real time. */
  @IsInstant({ optional: true })
  now?: string | null;
}

/** What the other services and the gateway ask of every service. */
@Controller('internal/v1')
@ApiExcludeController()
export class NetworkController {
  constructor(
    @Inject(NetworkProbe) private readonly probe: NetworkProbe,
    @Inject(AllianceClock) private readonly clock: AllianceClock,
    @Inject(ClockSync) private readonly sync: ClockSync,
    @Inject(CONFIG) private readonly config: ProcessConfig,
    @Inject(OperatorAudit) private readonly audit: OperatorAudit,
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
  @InternalRoute('gateway')
  lag(): Promise<ConsumerLag[]> {
    return this.probe.lag();
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
