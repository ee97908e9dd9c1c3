import { IsExternalId, IsInstant, IsOneOf, IsPart, IsParts, IsPoints, IsPrice, IsText, IsWhole } from '#libs/http';
import type { Cap, Funder, LadderTerms, Rank, Window } from './ladder.js';

const WEIGHT = { pattern: /^(0|[1-9]\d{0,1})(\.\d{1,4})?$/, example: '1.00' };
const SHARE = { pattern: /^0(\.\d{1,4})?$|^1(\.0{1,4})?$/, example: '0.60' };

export class WindowDto {
  @IsOneOf(['calendar_year', 'rolling'])
  kind!: 'calendar_year' | 'rolling';

  @IsWhole(1, 36, {
    optional: true,
    description: 'For a rolling window: the number of months, the current one included. Default: 12.',
  })
  months?: number | null;
}

export class CapDto {
  @IsText(6, { optional: true, ...SHARE, description: 'Share of the top rank’s credits.' })
  share?: string | null;

  @IsPoints({ optional: true })
  credits?: number | null;
}

export class OthersDto {
  @IsText(7, WEIGHT)
  weight!: string;

  @IsPart(() => CapDto, { optional: true })
  cap?: CapDto | null;
}

export class BrandTermsDto extends OthersDto {
  @IsExternalId({ example: 'aurora' })
  brand!: string;
}

export class ConditionsDto {
  @IsPoints({ optional: true })
  credits?: number | null;

  @IsWhole(1, 100_000, { optional: true, description: 'Days with a purchase, counted per brand.' })
  visits?: number | null;

  @IsWhole(1, 10_000, { optional: true, description: 'Brands with a purchase.' })
  brands?: number | null;

  @IsWhole(1, 3, { optional: true, description: 'How many of the conditions must hold. Default: all.' })
  anyOf?: number | null;
}

export class RankDto {
  @IsText(32, { pattern: /^[a-z][a-z0-9-]*$/, example: 'gold' })
  code!: string;

  @IsPart(() => ConditionsDto, { optional: true })
  conditions?: ConditionsDto | null;

  @IsPrice({ optional: true, example: '1.25', description: 'Multiplier of the base points of orders. Default: 1.' })
  earnMultiplier?: string | null;

  @IsOneOf(['seller', 'operator'], {
    optional: true,
    description: 'Who issues, and so pays for, the bonus points. Default: operator.',
  })
  funder?: Funder | null;
}

export class LadderDto {
  @IsText(100, { example: '2026' })
  name!: string;

  @IsInstant()
  validFrom!: string;

  @IsInstant({ optional: true })
  validTo?: string | null;

  @IsWhole(1, 1_000_000, { optional: true, description: 'The open ladder that ends where this one starts.' })
  supersedes?: number | null;

  @IsPart(() => WindowDto)
  window!: WindowDto;

  @IsOneOf(['floor', 'ceil', 'half_up', 'half_even'], {
    optional: true,
    description: 'Rounding of an order’s credits. Default: floor.',
  })
  rounding?: LadderTerms['rounding'] | null;

  @IsPoints({ optional: true, example: 100, description: 'Minor units per credit at weight 1. Default: 1.' })
  per?: number | null;

  @IsWhole(0, 90, {
    optional: true,
    example: 15,
    description:
      'Days after a period during which its rank is kept. Default: 0. At most 90 for a calendar year, and 27 for a rolling window, which is reviewed every month.',
  })
  graceDays?: number | null;

  @IsWhole(0, 3, { optional: true, description: 'Highest rank to which brands may map their own tiers. Default: 2.' })
  mapUpTo?: number | null;

  @IsParts(() => BrandTermsDto, { optional: true, min: 0 })
  brands?: BrandTermsDto[] | null;

  @IsPart(() => OthersDto, { optional: true })
  others?: OthersDto | null;

  @IsParts(() => RankDto, { min: 1, max: 10 })
  ranks!: RankDto[];
}

export class LadderEndDto {
  @IsInstant()
  validTo!: string;
}

export class LadderQuery {
  @IsText(5, {
    optional: true,
    pattern: /^(true|false)$/,
    example: 'true',
    description: 'Show who would move; change nothing.',
  })
  dryRun?: string;
}

function capFrom(cap: CapDto | null | undefined): Cap | null {
  if (cap?.share !== undefined && cap.share !== null) return { share: cap.share };
  return cap?.credits === undefined || cap.credits === null ? null : { credits: BigInt(cap.credits) };
}

function windowFrom({ kind, months }: WindowDto): Window {
  return kind === 'calendar_year' ? { kind } : { kind, months: months ?? 12 };
}

function rankFrom({ code, conditions, earnMultiplier, funder }: RankDto): Rank {
  const big = (value: number | null | undefined): bigint | null =>
    value === null || value === undefined ? null : BigInt(value);
  return {
    code,
    conditions: {
      credits: big(conditions?.credits),
      visits: big(conditions?.visits),
      brands: big(conditions?.brands),
      anyOf: conditions?.anyOf ?? null,
    },
    earnMultiplier: earnMultiplier ?? '1',
    funder: funder ?? 'operator',
  };
}

export function ladderTermsFrom(body: LadderDto): LadderTerms {
  return {
    name: body.name,
    validFrom: new Date(body.validFrom),
    validTo: body.validTo === null || body.validTo === undefined ? null : new Date(body.validTo),
    window: windowFrom(body.window),
    rounding: body.rounding ?? 'floor',
    per: BigInt(body.per ?? 1),
    graceDays: body.graceDays ?? 0,
    mapUpTo: body.mapUpTo ?? 2,
    brands: Object.fromEntries(
      (body.brands ?? []).map(({ brand, weight, cap }) => [brand, { weight, cap: capFrom(cap) }]),
    ),
    others:
      body.others === null || body.others === undefined
        ? null
        : { weight: body.others.weight, cap: capFrom(body.others.cap) },
    ranks: body.ranks.map(rankFrom),
  };
}
