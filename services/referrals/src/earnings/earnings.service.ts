import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { EarningsConvertedSchema, TOPICS } from '#libs/contracts';
import { Decimal, MICRO_SCALE, uuidv7 } from '#libs/kernel';
import { Outbox } from '#libs/messaging';
import type { Party } from '../splits/split.js';
import { pointsFor } from './conversion.js';
import { EarningsRepository } from './earnings.repository.js';
import type { Conversion, FreeShare } from './earnings.repository.js';

/** What became of a commission after a refund, as far as takings depend on it. */
export interface ReducedCommission {
  readonly id: string;
  readonly shares: readonly { readonly party: Party; readonly held: bigint }[];
}

/** Takings from earnings: by conversion, by payout, and what refunds undo of them. */
@Injectable()
export class EarningsService {
  constructor(
    private readonly repository: EarningsRepository,
    private readonly outbox: Outbox,
  ) {}

  /** A refund reached into what was taken: points are taken back at the price they had, paid money becomes a debt. */
  async clawedBack(
    tx: EntityManager,
    commission: ReducedCommission,
    cause: { occurredAt: Date; postedAt: Date },
  ): Promise<void> {
    const draws = await this.repository.drawsOf(tx, commission.id);
    for (const { party, held } of commission.shares) {
      const own = draws.filter((draw) => draw.party === party);
      let excess = own.reduce((sum, draw) => sum + draw.amount - draw.givenBack, 0n) - held;
      for (const draw of own) {
        if (excess <= 0n) break;
        const left = draw.amount - draw.givenBack;
        const take = left < excess ? left : excess;
        excess -= take;
        await this.repository.giveBack(tx, draw.id, take);
        if (draw.conversionId !== null) await this.unconvert(tx, draw.conversionId, take, cause);
        else {
          const { owner, currency, payoutId } = draw;
          await this.repository.owe(tx, { owner, currency, amount: take, entry: null, payoutId, at: cause.postedAt });
        }
      }
    }
  }

  /** Free shares of one owner, or of all persons, over their hold. */
  free(tx: EntityManager, currency: string, now: Date, owner: string | null): Promise<FreeShare[]> {
    return this.repository.free(tx, currency, now, owner);
  }

  debts(tx: EntityManager, currency: string, owners: readonly string[]): Promise<Map<string, bigint>> {
    return this.repository.debts(tx, currency, owners);
  }

  owe(tx: EntityManager, debt: Parameters<EarningsRepository['owe']>[1]): Promise<void> {
    return this.repository.owe(tx, debt);
  }

  draw(tx: EntityManager, draws: Parameters<EarningsRepository['draw']>[1]): Promise<void> {
    return this.repository.draw(tx, draws);
  }

  /** Writes a conversion and tells the ledger, which gives the points or takes them back. */
  async convert(tx: EntityManager, conversion: Conversion): Promise<void> {
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
      },
    });
  }

  /** What whole points don't cover is written off: nobody owes fractions of a point. */
  private async unconvert(tx: EntityManager, id: string, amount: bigint, cause: { occurredAt: Date }): Promise<void> {
    const original = await this.repository.conversion(tx, id);
    if (original === null) throw new Error(`conversion ${id} is gone`);
    const { points } = pointsFor(amount, original.priceMicro);
    await this.convert(tx, {
      ...original,
      id: uuidv7(),
      amount: -amount,
      points: -points,
      reverses: id,
      at: cause.occurredAt,
    });
  }
}
