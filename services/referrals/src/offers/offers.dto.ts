import { IsFlag, IsInstant, IsMinorAmount, IsOneOf, IsPart, IsText, IsWhole, PageQuery } from '#libs/http';
import { fail, instantFrom, instantOrNull } from '#libs/kernel';
import { isPublicSuffix } from '../links/target.js';
import { PARTIES, sharesSum, SPLIT_RULE } from '../splits/split.js';
import type { Shares } from '../splits/split.js';
import type { OfferTerms } from './offer.js';

const SHARE = { optional: true, example: 100, description: 'Basis points of the order.' };

export class SplitDto {
  @IsWhole(0, 10_000, SHARE) memberRebate?: number | null;
  @IsWhole(0, 10_000, SHARE) contributor?: number | null;
  @IsWhole(0, 10_000, SHARE) distributor?: number | null;
  @IsWhole(0, 10_000, SHARE) introducer?: number | null;
  @IsWhole(0, 10_000, SHARE) store?: number | null;
  @IsWhole(0, 10_000, SHARE) guide?: number | null;
  @IsWhole(0, 10_000, SHARE) operator?: number | null;
}

export class CapsDto {
  @IsMinorAmount({ optional: true, min: 1, example: 5_000, description: 'Maximum that one order pays.' })
  order?: number | null;

  @IsMinorAmount({ optional: true, min: 1, example: 20_000, description: 'Maximum that one person gets in a day.' })
  beneficiaryDay?: number | null;

  @IsMinorAmount({ optional: true, min: 1, example: 500_000, description: 'Maximum paid in a month.' })
  month?: number | null;
}

const HOST = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;

/** Body of `POST /v1/offers`. */
export class OfferDto {
  @IsText(100, { example: 'Spring' })
  name!: string;

  @IsText(32, {
    optional: true,
    example: 'order',
    description: 'What is paid for. Only orders; anything else is refused.',
  })
  basis?: string | null;

  @IsWhole(1, 10_000, { example: 1_200, description: 'The pool, in basis points of the money paid for the order.' })
  poolBp!: number;

  @IsPart(() => SplitDto)
  split!: SplitDto;

  @IsText(128, {
    optional: true,
    each: true,
    description: 'SKUs on which the offer pays. If categories is empty too: all goods.',
  })
  products?: string[] | null;

  @IsText(64, { optional: true, each: true })
  categories?: string[] | null;

  @IsText(253, {
    optional: true,
    each: true,
    maxItems: 20,
    pattern: HOST,
    description: 'Hosts that links may lead to.',
  })
  targets?: string[] | null;

  @IsWhole(1, 365, { optional: true, example: 30, description: 'Days for which a click counts. Default: 30.' })
  windowDays?: number | null;

  @IsWhole(0, 365, {
    optional: true,
    example: 7,
    description:
      'Days during which no one else’s click counts, from 0 (the last click wins) to windowDays. Default: 7, or windowDays if that is shorter.',
  })
  protectionDays?: number | null;

  @IsWhole(0, 180, {
    optional: true,
    example: 14,
    description: 'Return window in days; commissions are held one day longer. Default: 14.',
  })
  returnDays?: number | null;

  @IsMinorAmount({ optional: true, min: 1, example: 1_000_000 })
  budget?: number | null;

  @IsPart(() => CapsDto, { optional: true })
  caps?: CapsDto | null;

  @IsFlag({ optional: true, description: 'Whether the offer also applies to orders that no one promoted.' })
  standing?: boolean | null;

  @IsInstant()
  validFrom!: string;

  @IsInstant({ optional: true })
  validTo?: string | null;
}

export class PickupDto {
  @IsText(64, { example: 'spring-2026' })
  campaign!: string;
}

export class OffersQuery extends PageQuery {
  @IsOneOf(['mine', 'all'], { optional: true })
  of?: 'mine' | 'all';
}

/** @throws DomainError `recruit_pay_refused`, `split_mismatch`, `validation_failed` for conflicts between fields */
export function offerTermsFrom(body: OfferDto): OfferTerms {
  if ((body.basis ?? 'order') !== 'order') fail('recruit_pay_refused');
  const split = sharesFrom(body.split);
  if (sharesSum(split) !== body.poolBp) {
    const detail = `The shares add up to ${sharesSum(split)}, but the pool is ${body.poolBp}.`;
    fail('split_mismatch', { detail, extra: { sum: sharesSum(split), pool: body.poolBp } });
  }
  const windowDays = body.windowDays ?? 30;
  const protectionDays = body.protectionDays ?? Math.min(7, windowDays);
  const validFrom = instantFrom(body.validFrom);
  const validTo = instantOrNull(body.validTo);
  if (protectionDays > windowDays) refuse('/protectionDays', 'The protection cannot be longer than the window.');
  if (validTo !== null && validTo <= validFrom) refuse('/validTo', 'The end must be later than the start.');
  (body.targets ?? []).forEach((host, index) => {
    if (isPublicSuffix(host)) refuse(`/targets/${index}`, 'Anyone can register a name under this host.');
  });
  const amount = (value: number | null | undefined): bigint | null =>
    value === null || value === undefined ? null : BigInt(value);
  return {
    name: body.name,
    basis: 'order',
    poolBp: body.poolBp,
    split,
    rule: SPLIT_RULE,
    products: body.products ?? [],
    categories: body.categories ?? [],
    hosts: (body.targets ?? []).map((host) => host.toLowerCase()),
    windowDays,
    protectionDays,
    returnDays: body.returnDays ?? 14,
    budget: amount(body.budget),
    capOrder: amount(body.caps?.order),
    capBeneficiaryDay: amount(body.caps?.beneficiaryDay),
    capMonth: amount(body.caps?.month),
    standing: body.standing ?? false,
    validFrom,
    validTo,
  };
}

function refuse(pointer: string, detail: string): never {
  return fail('validation_failed', { errors: [{ pointer, code: 'out_of_range', detail }] });
}

function sharesFrom(split: SplitDto): Shares {
  return Object.fromEntries(
    PARTIES.flatMap((party) => (typeof split[party] === 'number' ? [[party, split[party]]] : [])),
  );
}
