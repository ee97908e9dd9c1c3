import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { NetworkProbe } from '#libs/http';
import { monotonicMs } from '#libs/kernel';
import { NetworkClient } from '../network/network.client.js';
import type { ServiceName } from '../network/network.client.js';

/** Whether the whole network can serve. */
export interface NetworkHealth {
  status: 'ready' | 'not_ready';
  services: Record<string, 'ready' | 'not_ready'>;
  /** The services that are not ready. */
  notReady: ServiceName[];
}

const KEEP_MS = 1_000;
/** Shorter than a check of the gateway's own readiness may take: a service that hangs is not ready, the others may be. */
const LIMIT_MS = 1_500;

/** Asks all services at once; an answer is kept for a second, so that watchers do not become load. */
@Injectable()
export class HealthService implements OnModuleInit {
  private kept: { health: Promise<NetworkHealth>; until: number } | undefined;

  constructor(
    private readonly network: NetworkClient,
    private readonly probe: NetworkProbe,
  ) {}

  /** The door is of use while a service behind it is ready: one that is away must not close it to the callers of the others. */
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
        // Not ready is passing: look again soon, as somebody is waiting for it.
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
