import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { itemHash, payloadHash, releaseAct } from './payout-approval.js';
import { PayoutsRepository } from './payouts.repository.js';
import type { Payout, PayoutItem } from './payouts.tables.js';

/** Compares released payouts with what was approved and with what was drawn. */
@Injectable()
export class PayoutsAuditService {
  constructor(private readonly repository: PayoutsRepository) {}

  /** Released payouts that are no longer what was approved. */
  async changed(tx: EntityManager): Promise<string[]> {
    const changed: string[] = [];
    for (const payout of await this.repository.released(tx))
      if (!(await this.isAsApproved(tx, payout, await this.repository.items(tx, payout.id)))) changed.push(payout.id);
    return changed;
  }

  /**
   * Whether the rows of a released payout give the hash that was approved, and its draws take from the same shares for the same
   * owners. Draws that repay debts can have been given back since.
   */
  async isAsApproved(tx: EntityManager, payout: Payout, items: readonly PayoutItem[]): Promise<boolean> {
    if (payloadHash(releaseAct(payout, items, '')) !== payout.approvedHash) return false;
    if (items.some((item) => item.hash !== itemHash(payout, item))) return false;
    const open = new Map(
      items.flatMap(({ owner, shares, leftOut }) =>
        leftOut
          ? []
          : shares.map(([commissionId, party, net, netted]) => [`${owner} ${commissionId} ${party}`, { net, netted }]),
      ),
    );
    for (const { owner, commissionId, party, net, netted } of await this.repository.drawn(tx, payout.id)) {
      const name = `${owner} ${commissionId} ${party}`;
      const approved = open.get(name) ?? { net: 0n, netted: 0n };
      if (net !== approved.net || netted > approved.netted) return false;
      open.delete(name);
    }
    return [...open.values()].every(({ net }) => net === 0n);
  }
}
