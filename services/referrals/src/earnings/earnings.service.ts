import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { EarningsConvertedSchema, TOPICS } from '#libs/contracts';
import { Decimal, fail, MICRO_SCALE, uuidv7 } from '#libs/kernel';
import { Outbox } from '#libs/messaging';
import type { Party } from '../splits/split.js';
import { pointsBack } from './conversion.js';
import { EarningsRepository } from './earnings.repository.js';
import type { DrawCause, EarningsFilter } from './earnings.repository.js';
import type { Conversion } from './earnings.tables.js';
import type { Debt, FreeShare, Taking } from './takings.js';

/** Takings from earnings by conversion and by payout, and their reversal by refunds. */
@Injectable()
export class EarningsService {
  constructor(
    private readonly repository: EarningsRepository,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Applies a refund to takings: a draft shrinks, points are taken back at their original price, paid money becomes a debt.
   * @param held the amounts that the shares of the commission are about to hold; the caller has locked it
   */
  async clawedBack(
    tx: EntityManager,
    commissionId: string,
    held: ReadonlyMap<Party, bigint>,
    postedAt: Date,
  ): Promise<void> {
    const draws = await this.repository.drawsOf(tx, commissionId);
    for (const [party, most] of held) {
      const own = draws.filter((draw) => draw.party === party);
      let excess = own.reduce((sum, { left }) => sum + left, 0n) - most;
      for (const draw of own) {
        if (excess <= 0n) break;
        const take = draw.left < excess ? draw.left : excess;
        excess -= take;
        if (draw.gone) await this.repository.owe(tx, draw.id, take);
        else await this.repository.giveBack(tx, draw.id, take);
        if (draw.conversionId !== null && draw.repays === null)
          await this.unconvert(tx, draw.conversionId, take, postedAt);
      }
    }
  }

  /** Amounts past their hold that an owner can take, and its debts; null: of all persons who can be paid. Locks both. */
  async free(tx: EntityManager, filter: EarningsFilter): Promise<{ shares: FreeShare[]; debts: Debt[] }> {
    const chosen = await this.repository.choose(tx, filter);
    if (chosen.length === 0) return { shares: [], debts: [] };
    await this.repository.lock(tx, chosen, filter);
    const shares = await this.repository.free(tx, chosen);
    const owners = [...new Set(shares.map(({ owner }) => owner))];
    return { shares, debts: await this.repository.debts(tx, owners, filter) };
  }

  draw(tx: EntityManager, takings: readonly Taking[], cause: DrawCause): Promise<void> {
    return this.repository.draw(tx, takings, cause);
  }

  /** Stores a conversion and sends it to the ledger, which gives the points or takes them back. */
  async convert(tx: EntityManager, conversion: Conversion, declined = false): Promise<void> {
    await this.repository.addConversion(tx, conversion);
    if (conversion.points === 0n) return;
    const price = Decimal.fromScaled(conversion.priceMicro, MICRO_SCALE);
    await this.outbox.add(tx, {
      id: conversion.id,
      topic: TOPICS.rewards,
      key: conversion.walletId,
      schema: EarningsConvertedSchema,
      body: {
        conversionId: conversion.id,
        walletId: conversion.walletId,
        points: conversion.points,
        price: price.toString(),
        cost: price.mul(conversion.points).toString(),
        currency: conversion.currency,
        occurredAt: timestampFromDate(conversion.at),
        reversesConversionId: conversion.reverses ?? '',
        declined,
      },
    });
  }

  /**
   * Applies the ledger's answer. A finally declined conversion ends: what refunds have left of it is available again, except repaid
   * debts. Repeated and late answers change nothing more.
   * @throws DomainError `unavailable`, to retry, for a conversion that is not stored (yet)
   */
  async settled(tx: EntityManager, { id, reason, at }: { id: string; reason: string | null; at: Date }): Promise<void> {
    if (reason !== null) await this.repository.lockDrawn(tx, id);
    const found = await this.repository.lockConversion(tx, id);
    if (found === null) fail('unavailable', { detail: `Conversion ${id} is not known.` });
    const { conversion, reached } = found;
    const isNew = await this.repository.addAnswer(tx, { conversionId: id, brand: conversion.brand, reason, at });
    const left = conversion.amount - reached;
    if (!isNew || reason === null || conversion.reverses !== null || left === 0n) return;
    await this.repository.giveBackAll(tx, id);
    const points = -pointsBack(reached, left, conversion.priceMicro);
    const back = { ...conversion, id: uuidv7(), amount: -left, points, reverses: id, at };
    await this.convert(tx, back, true);
  }

  /** Takes points back. The part below a whole point is written off; nobody owes fractions of a point. */
  private async unconvert(tx: EntityManager, id: string, amount: bigint, at: Date): Promise<void> {
    const found = await this.repository.lockConversion(tx, id);
    if (found === null) throw new Error(`conversion ${id} is gone`);
    const { conversion, reached } = found;
    const points = -pointsBack(reached, amount, conversion.priceMicro);
    await this.convert(tx, { ...conversion, id: uuidv7(), amount: -amount, points, reverses: id, at });
  }
}
