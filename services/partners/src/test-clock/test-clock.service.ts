import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { AllianceClock, fail, systemNow } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { PARTNERS_CONFIG, otherServices } from '../partners.config.js';
import type { PartnersConfig } from '../partners.config.js';
import { checkRelease, checkSet } from './test-clock.js';
import { TestClockRepository } from './test-clock.repository.js';

/**
 * The alliance's clock in sandboxes. It is stored first, then sent to every service; success means that all services have it. If a
 * service cannot be reached, the call fails with `unavailable`; repeat it with the same instant.
 */
@Injectable()
export class TestClockService implements OnModuleInit {
  constructor(
    private readonly dataSource: DataSource,
    private readonly stored: TestClockRepository,
    private readonly clock: AllianceClock,
    private readonly internal: InternalClient,
    @Inject(PARTNERS_CONFIG) private readonly config: PartnersConfig,
  ) {}

  async onModuleInit(): Promise<void> {
    if (!this.config.testClock) return;
    this.clock.set((await this.stored.find(this.dataSource))?.frozenAt ?? null);
  }

  async set(at: Date): Promise<void> {
    await this.move(at);
  }

  async release(): Promise<void> {
    await this.move(null);
  }

  private async move(to: Date | null): Promise<void> {
    if (!this.config.testClock) fail('test_clock_disabled');
    await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      await this.stored.lock(tx);
      const state = await this.stored.find(tx);
      if (to === null) checkRelease(state, systemNow());
      else checkSet(state, to, systemNow());
      await this.stored.save(tx, { frozenAt: to }, systemNow());
    });
    this.clock.set(to);
    const now = to?.toISOString() ?? null;
    const told = otherServices(this.config).map((url) => this.internal.put(`${url}/internal/v1/clock`, { now }));
    // the clock has moved; a repeat tells those that do not know yet
    await Promise.all(told).catch((cause: unknown) => fail('outcome_unknown', {}, { cause }));
  }
}
