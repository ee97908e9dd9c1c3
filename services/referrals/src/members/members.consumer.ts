import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { MemberBoundSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { LateBindingsService } from '../orders/late-bindings.service.js';
import { WaitingService } from '../orders/waiting.service.js';
import { MembersRepository } from './members.repository.js';
import type { KnownBinding } from './members.repository.js';

@Controller()
export class MembersConsumer {
  constructor(
    private readonly repository: MembersRepository,
    private readonly waiting: WaitingService,
    private readonly late: LateBindingsService,
  ) {}

  /** Handles the wallet's orders that waited for the binding. Commissions opened without it get their contributor's share. */
  @OnEvents(TOPICS.bindings, { group: 'referrals.bindings', ordered: true })
  async bindings(@Payload() batch: EventBatch): Promise<void> {
    const bindings = batch.events.flatMap((event): KnownBinding[] => {
      if (!event.is(MemberBoundSchema)) return [];
      const { walletId, contributorBrand, since } = event.body;
      return [
        { walletId, contributor: contributorBrand, since: since === undefined ? new Date(0) : timestampDate(since) },
      ];
    });
    if (bindings.length === 0) return;
    await this.repository.putBindings(batch.tx, bindings);
    const wallets = bindings.map(({ walletId }) => walletId);
    await this.waiting.resume(batch.tx, wallets);
    await this.late.earn(batch.tx, wallets);
  }
}
