import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { PublicRoute } from '#libs/auth';
import { ApiAnswers, shape } from '#libs/http';
import { HealthService } from './health.service.js';
import type { NetworkHealth } from './health.service.js';

const STATE = shape.oneOf(['ready', 'not_ready']);
const HEALTH = shape.named('NetworkHealth', {
  status: STATE,
  services: { type: 'object', additionalProperties: STATE },
  notReady: shape.texts,
});

@ApiTags('network')
@Controller('health')
export class HealthController {
  constructor(private readonly network: HealthService) {}

  @Get()
  @PublicRoute()
  @ApiAnswers({ 200: HEALTH, 503: HEALTH })
  @ApiOperation({ summary: 'Readiness of all services: 200, or 503 naming those that are not ready' })
  async health(@Res({ passthrough: true }) reply: FastifyReply): Promise<NetworkHealth> {
    const health = await this.network.health();
    void reply.status(health.status === 'ready' ? 200 : 503).header('cache-control', 'no-store');
    return health;
  }
}
