import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { MemberLinks } from '#libs/directory';
import { Approvals, CONFIG, idempotent } from '#libs/http';
import type { Approve, KeyedCall, Outcome, Reply } from '#libs/http';
import {
  AllianceClock,
  Decimal,
  fail,
  formatInstant,
  idFromUuid,
  MICRO_SCALE,
  pointsToJson,
  sumToJson,
  uuidv7,
} from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { DistributorsService } from '../distributors/distributors.service.js';
import { ownerOf } from '../distributors/owner.js';
import { programmeAt } from '../programmes/programme.js';
import { ProgrammesService } from '../programmes/programmes.service.js';
import { SandboxTimeService } from '../programmes/sandbox-time.service.js';
import type { ReferralsConfig } from '../referrals.config.js';
import { pointsFor } from './conversion.js';
import type { ConversionDto, EarningsQuery } from './earnings.dto.js';
import { EarningsRepository } from './earnings.repository.js';
import { EarningsService } from './earnings.service.js';
import { sumOfTakings, takeFrom } from './takings.js';
import type { ConversionView, EarningsView } from './earnings.answers.js';

/** The most points of one conversion without a second person; also the most of one grant. */
const MOST_ALONE = 1_000_000n;

/** The earnings wallet of an owner and its conversion to points. */
@Injectable()
export class WalletsService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly dataSource: DataSource,
    private readonly repository: EarningsRepository,
    private readonly earnings: EarningsService,
    private readonly distributors: DistributorsService,
    private readonly memberLinks: MemberLinks,
    private readonly programmes: ProgrammesService,
    private readonly clock: AllianceClock,
    private readonly time: SandboxTimeService,
    private readonly approvals: Approvals,
  ) {}

  /** Earnings of the brand itself, of its store or guide, or of its member. Only earnings through the brand. */
  async wallet(brand: string, query: EarningsQuery): Promise<EarningsView> {
    if (query.kind === 'guide' && query.memberRef !== undefined) {
      const detail = 'A guide is named by ref.';
      fail('validation_failed', { errors: [{ pointer: '/query/memberRef', code: 'not_allowed', detail }] });
    }
    const { owner, kind, ref } = await this.distributors.resolve(
      brand,
      { kind: query.kind ?? 'brand', ref: query.ref ?? null, memberRef: query.memberRef ?? null },
      '/query',
    );
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const held = await this.repository.byState(tx, owner, brand);
      const takings = await this.repository.takings(tx, owner, brand);
      const currencies = [...new Set(held.map(({ currency }) => currency))].sort();
      const balances = [];
      for (const currency of currencies) {
        const of = (...states: string[]): bigint =>
          held.reduce(
            (sum, row) => (row.currency === currency && states.includes(row.state) ? sum + row.amount : sum),
            0n,
          );
        const taken = takings.find((row) => row.currency === currency);
        const { converted, paid, debt, taken: all } = taken ?? { converted: 0n, paid: 0n, debt: 0n, taken: 0n };
        const available = of('payable', 'paid') - all - debt;
        balances.push({
          currency,
          pending: sumToJson(of('pending')),
          held: sumToJson(of('held')),
          payable: sumToJson(of('payable', 'paid')),
          converted: sumToJson(converted),
          paid: sumToJson(paid),
          debt: sumToJson(debt),
          available: available > 0n ? sumToJson(available) : 0,
          total: sumToJson(held.reduce((sum, row) => (row.currency === currency ? sum + row.amount : sum), 0n)),
        });
      }
      const conversions = (await this.repository.conversions(tx, owner, brand)).map((row) => ({
        id: idFromUuid('cv', row.id),
        amount: pointsToJson(row.amount),
        points: pointsToJson(row.points),
        cost: Decimal.fromScaled(BigInt(row.cost), MICRO_SCALE).toString(),
        remainder: Decimal.fromScaled(BigInt(row.remainder), MICRO_SCALE).toString(),
        state: row.state,
        reason: row.reason,
        at: formatInstant(row.at),
      }));
      return { owner: { kind, ref }, balances, conversions };
    });
  }

  /**
   * Converts a member's earnings through the brand, past their hold, to points at the current price. The remainder below the price
   * of a point goes to rounding.
   */
  async convert(call: KeyedCall, body: ConversionDto): Promise<Reply<ConversionView>> {
    const { brand } = call;
    // the operator gives the points in the alliance's currency; other currencies have no price in it
    if (body.currency !== this.config.allianceCurrency) {
      const pointer = '/currency';
      fail('currency_mismatch', {
        errors: [{ pointer, code: 'currency_mismatch', detail: 'not the alliance’s currency' }],
      });
    }
    const { walletId } = await this.memberLinks.ofBrand(brand, body.memberRef);
    const owner = ownerOf('member', brand, body.memberRef, walletId);
    const operation = {
      ...call,
      brand: '*',
      caller: `${brand} ${call.caller}`,
      route: `earnings.convert ${brand}`,
      businessKey: body.externalId,
      body,
    };
    const make = async (tx: EntityManager, approve: Approve): Promise<Outcome<ConversionView>> => {
      const now = this.clock.now();
      const price = programmeAt(await this.programmes.all(tx), now).conversionPriceMicro ?? fail('conversion_unpriced');
      await this.time.tell(tx);
      const { shares, debts } = await this.earnings.free(tx, {
        currency: body.currency,
        now,
        owner,
        through: brand,
        most: null,
      });
      const amount = BigInt(body.amount);
      const takings = takeFrom(shares, debts, amount);
      const { points, cost, remainder } = pointsFor(amount, price);
      if (sumOfTakings(takings, false) < amount || points === 0n) {
        const limit = sumOfTakings(takeFrom(shares, debts, null), false);
        fail('earnings_insufficient', { extra: { limit: sumToJson(limit) } });
      }
      const id = uuidv7();
      await this.earnings.convert(tx, {
        id,
        owner,
        walletId,
        brand,
        currency: body.currency,
        amount,
        points,
        priceMicro: price,
        reverses: null,
        at: now,
      });
      await this.earnings.draw(tx, takings, { currency: body.currency, conversionId: id });
      if (points > MOST_ALONE) {
        const { externalId, memberRef, currency } = body;
        const payload = { brand, externalId, memberRef, amount: body.amount, currency, points: pointsToJson(points) };
        await approve(tx, { act: 'conversion.large', maker: call.client, payload });
      }
      return {
        status: 201,
        body: {
          id: idFromUuid('cv', id),
          externalId: body.externalId,
          amount: body.amount,
          currency: body.currency,
          points: pointsToJson(points),
          price: Decimal.fromScaled(price, MICRO_SCALE).toString(),
          cost: cost.toString(),
          remainder: remainder.toString(),
          at: formatInstant(now),
        },
      };
    };
    return this.approvals.guarded((approve) => idempotent(this.dataSource, operation, (tx) => make(tx, approve)));
  }
}
