import { Module } from '@nestjs/common';
import type { DynamicModule, Type } from '@nestjs/common';
import { AuthModule, InternalClient } from '#libs/auth';
import { instanceUrls } from '#libs/config';
import type { ProcessConfig } from '#libs/config';
import { Jobs } from '#libs/jobs';
import { AllianceClock } from '#libs/kernel';
import { AuditController } from './audit/audit.controller.js';
import { OperatorAudit } from './audit/operator-audit.js';
import { ClockSync } from './clock-sync.js';
import { NetworkController } from './network.controller.js';
import { NetworkProbe } from './network-probe.js';
import { CONFIG, SERVICE_NAME } from './tokens.js';

/** Root module of every service: clock, outgoing calls, health, and the service's own module. */
@Module({})
export class HttpModule {
  static forService(name: string, config: ProcessConfig, service: DynamicModule | Type): DynamicModule {
    const source = config.testClock && name !== 'partners' ? `${config.partnersUrl}/internal/v1/clock` : null;
    return {
      module: HttpModule,
      global: true,
      imports: [AuthModule.forService(config, name, instanceUrls(config)), service],
      controllers: [NetworkController, AuditController],
      providers: [
        NetworkProbe,
        Jobs,
        { provide: OperatorAudit, useFactory: () => new OperatorAudit(name) },
        { provide: AllianceClock, useFactory: () => new AllianceClock() },
        { provide: CONFIG, useValue: config },
        { provide: SERVICE_NAME, useValue: name },
        {
          provide: ClockSync,
          inject: [AllianceClock, InternalClient],
          useFactory: (clock: AllianceClock, client: InternalClient) => new ClockSync(clock, client, source),
        },
      ],
      exports: [AllianceClock, CONFIG, ClockSync, Jobs, NetworkProbe, OperatorAudit],
    };
  }
}
