import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { LAST_VERSION, MemberBoundSchema, MemberLinkChangedSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { LateBindings } from '../commissions/late-bindings.service.js';
import { WaitingService } from '../commissions/waiting.service.js';
import { MembersRepository } from './members.repository.js';
import type { KnownBinding, KnownMember } from './members.repository.js';

/** Hears who is whose member and who contributed whom. */
@Controller()
export class MembersConsumer {
  constructor(
    private readonly repository: MembersRepository,
    private readonly waiting: WaitingService,
    private readonly late: LateBindings,
  ) {}

  @OnEvents(TOPICS.links, { group: 'referrals.links', ordered: true })
  async links(@Payload() batch: EventBatch): Promise<void> {
    const members = batch.events.flatMap((event): KnownMember[] => {
      if (!event.is(MemberLinkChangedSchema)) return [];
      const { memberRef, brand, walletId, status, version } = event.body;
      return [{ memberRef, brand, walletId, active: status === 'active', version }];
    });
    if (members.length > 0) await this.repository.putLinks(batch.tx, members);
    const over = batch.events.filter(({ isTombstone }) => isTombstone).map(({ key }) => key);
    if (over.length > 0) await this.repository.endLinks(batch.tx, over, LAST_VERSION);
  }

  /** Orders of the wallet that came before are handled now; those that were not waited for get their contributor's share. */
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
