import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { instanceUrls } from '#libs/config';
import { approvalsProvider } from '#libs/http';
import { AuditController } from './audit/audit.controller.js';
import { AuditService } from './audit/audit.service.js';
import { DocsController } from './docs/docs.controller.js';
import { DocsService } from './docs/docs.service.js';
import { OwnDocument } from './docs/own-document.js';
import { GATEWAY_CONFIG } from './gateway.config.js';
import type { GatewayConfig } from './gateway.config.js';
import { HealthController } from './health/health.controller.js';
import { HealthService } from './health/health.service.js';
import { InvariantsController } from './invariants/invariants.controller.js';
import { InvariantsService } from './invariants/invariants.service.js';
import { NetworkClient } from './network/network.client.js';
import { ParkedController } from './parked/parked.controller.js';
import { ParkedService } from './parked/parked.service.js';
import { UpstreamPoolsHttp } from './proxy/upstream-pools.http.js';

@Module({})
export class GatewayModule {
  static forService(config: GatewayConfig): DynamicModule {
    const urls = instanceUrls(config);
    const [identityUrl = ''] = urls.identity;
    return {
      module: GatewayModule,
      controllers: [HealthController, InvariantsController, AuditController, ParkedController, DocsController],
      providers: [
        { provide: GATEWAY_CONFIG, useValue: config },
        approvalsProvider(identityUrl),
        {
          provide: UpstreamPoolsHttp,
          useFactory: () => new UpstreamPoolsHttp(urls, config.upstreamConnections, config.upstreamTimeoutMs),
        },
        NetworkClient,
        HealthService,
        InvariantsService,
        AuditService,
        ParkedService,
        OwnDocument,
        DocsService,
      ],
    };
  }
}
