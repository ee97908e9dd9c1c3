import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { NetworkProbe } from '#libs/http';
import { monotonicMs } from '#libs/kernel';
import { NetworkClient } from '../network/network.client.js';
import type { ServiceName } from '../network/network.client.js';

export interface NetworkHealth {
  status: 'ready' | 'not_ready';
  services: Record<string, 'ready' | 'not_ready'>;
  notReady: ServiceName[];
}

const KEEP_MS = 1_000;
/**
 * Shorter than the limit of the gateway's own readiness check: a service that hangs counts as not ready, the others may be ready.
 */
const LIMIT_MS = 1_500;

/** Asks all services in parallel. An answer is cached for a second, so that monitoring causes little load. */
@Injectable()
export class HealthService implements OnModuleInit {
  private kept: { health: Promise<NetworkHealth>; until: number } | undefined;

  constructor(
    private readonly network: NetworkClient,
    private readonly probe: NetworkProbe,
  ) {}

  /** The gateway is ready while at least one service is: one service that is down must not make the others unreachable. */
  onModuleInit(): void {
    this.probe.add({
      name: 'services',
      needed: true,
      ready: async () => (await this.health()).notReady.length < this.network.services.length,
    });
  }

  health(): Promise<NetworkHealth> {
    const now = monotonicMs();
    if (this.kept === undefined || now >= this.kept.until) {
      const kept = { health: this.look(), until: Infinity };
      this.kept = kept;
      void kept.health.then(({ status }) => {
        // "Not ready" is temporary and a caller may be waiting for readiness, so it is cached for a shorter time.
        kept.until = monotonicMs() + (status === 'ready' ? KEEP_MS : KEEP_MS / 5);
      });
    }
    return this.kept.health;
  }

  private async look(): Promise<NetworkHealth> {
    const answers = await Promise.all(
      this.network.services.map(async (name) => ({ name, ready: await this.network.isReady(name, LIMIT_MS) })),
    );
    const notReady = answers.filter((answer) => !answer.ready).map((answer) => answer.name);
    return {
      status: notReady.length === 0 ? 'ready' : 'not_ready',
      services: Object.fromEntries(answers.map(({ name, ready }) => [name, ready ? 'ready' : 'not_ready'])),
      notReady,
    };
  }
}
