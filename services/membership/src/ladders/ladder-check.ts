import { Decimal } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';
import { CONDITION_KINDS, capOf, neededOf, RANKS, termsOf, TOP } from './ladder.js';
import type { BrandTerms, Conditions, LadderTerms } from './ladder.js';

const LARGEST_WEIGHT = Decimal.of(10n);
const LARGEST_MULTIPLIER = Decimal.of(10n);
const ONE = Decimal.of(1n);
/** A rolling window is judged every month, so the grace days must end before the next judgement. */
const MOST_GRACE = { calendar_year: 90, rolling: 27 } as const;

/**
 * All faults of a ladder, by JSON pointer; empty if it is valid.
 * @param alliance slugs of all brands, to check whether the top rank can be reached
 */
export function ladderFaults(ladder: LadderTerms, alliance: readonly string[]): FieldFault[] {
  const faults: FieldFault[] = [];
  const wrong = (pointer: string, code: string, detail: string): void => void faults.push({ pointer, code, detail });
  if (ladder.validTo !== null && ladder.validTo <= ladder.validFrom)
    wrong('/validTo', 'out_of_order', 'validTo must be later than validFrom.');
  if (ladder.graceDays > MOST_GRACE[ladder.window.kind])
    wrong('/graceDays', 'out_of_range', `At most ${MOST_GRACE[ladder.window.kind]} days are allowed for this window.`);
  if (ladder.ranks.length !== RANKS) {
    wrong('/ranks', 'out_of_range', `A ladder has ${RANKS} ranks.`);
    return faults;
  }
  checkRanks(ladder, wrong);
  checkBrands(ladder, wrong);
  if (faults.length === 0) checkReach(ladder, alliance, wrong);
  return faults;
}

type Wrong = (pointer: string, code: string, detail: string) => void;

function checkRanks(ladder: LadderTerms, wrong: Wrong): void {
  const codes = new Set<string>();
  ladder.ranks.forEach((rank, i) => {
    const at = `/ranks/${i}`;
    if (codes.has(rank.code)) wrong(`${at}/code`, 'duplicate', 'Each rank must have its own code.');
    codes.add(rank.code);
    const multiplier = Decimal.parse(rank.earnMultiplier);
    if (multiplier.compare(ONE) < 0 || multiplier.compare(LARGEST_MULTIPLIER) > 0)
      wrong(`${at}/earnMultiplier`, 'out_of_range', 'From 1 to 10.');
    const given = CONDITION_KINDS.filter((kind) => rank.conditions[kind] !== null);
    if (i === 0) {
      if (given.length > 0) wrong(`${at}/conditions`, 'not_allowed', 'The lowest rank cannot have conditions.');
      if (multiplier.compare(ONE) !== 0)
        wrong(`${at}/earnMultiplier`, 'not_allowed', 'The lowest rank cannot have a multiplier other than 1.');
      return;
    }
    if (given.length === 0) wrong(`${at}/conditions`, 'required', 'At least one condition is required.');
    const { anyOf } = rank.conditions;
    if (anyOf !== null && anyOf > given.length)
      wrong(`${at}/conditions/anyOf`, 'out_of_range', 'More conditions must hold than there are.');
    const below = ladder.ranks[i - 1]?.conditions;
    if (below !== undefined) checkRise(below, rank.conditions, `${at}/conditions`, wrong);
  });
}

function checkRise(below: Conditions, conditions: Conditions, at: string, wrong: Wrong): void {
  for (const kind of CONDITION_KINDS) {
    const [low, high] = [below[kind], conditions[kind]];
    if (low === null || high === null) continue;
    if (kind === 'credits' ? high <= low : high < low)
      wrong(`${at}/${kind}`, 'out_of_order', 'A higher rank must require more than the one below.');
  }
}

function checkBrands(ladder: LadderTerms, wrong: Wrong): void {
  const top = ladder.ranks[TOP]?.conditions.credits ?? null;
  const check = (terms: BrandTerms, name: string, at: string): void => {
    const weight = Decimal.parse(terms.weight);
    if (weight.isNegative() || weight.compare(LARGEST_WEIGHT) > 0)
      wrong(`${at}/weight`, 'out_of_range', 'From 0 to 10.');
    if (weight.isZero()) return;
    if (top === null) {
      if (terms.cap !== null && 'share' in terms.cap)
        wrong(`${at}/cap/share`, 'not_allowed', 'The top rank requires no credits, so there is nothing to share.');
      return;
    }
    const cap = capOf(ladder, name);
    if (cap === null) wrong(`${at}/cap`, 'required', 'Without a cap, this brand alone could lead to the top rank.');
    else if (cap >= top)
      wrong(`${at}/cap`, 'out_of_range', 'With this cap, this brand alone could lead to the top rank.');
    else if (cap <= 0n) wrong(`${at}/cap`, 'out_of_range', 'A weight above 0 requires a cap of at least one credit.');
  };
  Object.entries(ladder.brands).forEach(([brand, terms], i) => check(terms, brand, `/brands/${i}`));
  // no slug is empty, so this selects the terms of unnamed brands
  if (ladder.others !== null) check(ladder.others, '', '/others');
}

/** Caps below the top rank's threshold in total would make a rank that nobody can hold. */
function checkReach(ladder: LadderTerms, alliance: readonly string[], wrong: Wrong): void {
  const conditions = ladder.ranks[TOP]?.conditions;
  if (conditions === undefined || conditions.credits === null) return;
  const given = CONDITION_KINDS.filter((kind) => conditions[kind] !== null).length;
  if (neededOf(conditions) < given) return;
  let sum = 0n;
  for (const brand of new Set([...alliance, ...Object.keys(ladder.brands)])) {
    const weight = termsOf(ladder, brand)?.weight;
    if (weight !== undefined && !Decimal.parse(weight).isZero()) sum += capOf(ladder, brand) ?? 0n;
  }
  if (sum < conditions.credits)
    wrong(
      '/brands',
      'sum_too_small',
      `The caps of all brands add up to ${sum}, but the top rank requires ${conditions.credits}.`,
    );
}
