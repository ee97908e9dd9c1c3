import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { PublicRoute } from '#libs/auth';
import { checkHealth, metrics } from '#libs/observability';
import type { HealthReport } from '#libs/observability';
import { NetworkProbe } from './network-probe.js';
import { SERVICE_NAME } from './tokens.js';

/** For whoever runs the service: alive, ready, metrics. The gateway routes none of these. */
@Controller()
@ApiExcludeController()
export class HealthController {
  constructor(
    @Inject(NetworkProbe) private readonly probe: NetworkProbe,
    @Inject(SERVICE_NAME) private readonly service: string,
  ) {}

  @Get('health/live')
  @PublicRoute()
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('health/ready')
  @PublicRoute()
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthReport> {
    const report = await checkHealth(this.probe.checks());
    if (!report.ready) void reply.status(503);
    return report;
  }

  @Get('metrics')
  @PublicRoute()
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    // without the broker or the database there are still the other metrics; that they are away, readiness tells
    await this.probe.measure(this.service).catch(() => undefined);
    void reply.header('content-type', metrics.contentType);
    return metrics.metrics();
  }
}
