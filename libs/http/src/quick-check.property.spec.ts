import { plainToInstance } from 'class-transformer';
import { MinLength, ValidateIf, validateSync } from 'class-validator';
import fc from 'fast-check';
import { IsFlag, IsInstant, IsOneOf, IsPart, IsParts, IsPoints, IsText, IsWhole } from './fields.js';
import { quickCheck, REFUSED } from './quick-check.js';

class Leaf {
  @IsText(5)
  name!: string;

  @IsWhole(0, 3, { optional: true })
  count?: number | null;
}

class Base {
  @IsFlag({ optional: true })
  flag?: boolean;

  @IsInstant({ optional: true })
  at?: string;
}

class Tree extends Base {
  @IsPoints()
  points!: number;

  @IsOneOf(['a', 'b'], { optional: true })
  word?: string;

  @IsText(3, { each: true, optional: true, maxItems: 2 })
  words?: string[];

  @IsPart(() => Leaf, { optional: true })
  leaf?: Leaf;

  @IsParts(() => Leaf, { max: 3 })
  leaves!: Leaf[];
}

class Conditional {
  @IsText(5)
  @ValidateIf(() => false)
  name!: string;
}

class Described {
  @MinLength(3)
  @IsText(5)
  name!: string;
}

const odd = fc.oneof(
  fc.constantFrom(null, undefined, '', 'a', 'abcd', 'abcdefg', 0, 1, 4, -1, 1.5, true, [], {}, [[]], '\u0000'),
  fc.constant('2026-03-02T08:00:00+08:00'),
);
const leaf = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name: fc.constantFrom('x', 'yy'), count: fc.constantFrom(0, 3, null) }) },
  { weight: 1, arbitrary: fc.record({ name: odd, count: odd, more: odd }, { requiredKeys: [] }) },
  { weight: 1, arbitrary: odd },
);
const mostly = (good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 6, arbitrary: good }, { weight: 1, arbitrary: odd });
const fields = {
  points: mostly(fc.constantFrom(1, 12)),
  word: mostly(fc.constantFrom('a', 'b')),
  words: mostly(fc.array(fc.constantFrom('ab', 'c'), { maxLength: 2 })),
  flag: mostly(fc.boolean()),
  at: mostly(fc.constant('2026-03-02T08:00:00Z')),
  leaf: mostly(leaf),
  leaves: mostly(fc.array(leaf, { minLength: 1, maxLength: 3 })),
};
const requiredKeys: ('points' | 'leaves')[] = ['points', 'leaves'];
const tree = fc.oneof(
  { weight: 8, arbitrary: fc.record(fields, { requiredKeys }) },
  { weight: 1, arbitrary: fc.record({ ...fields, stranger: odd }, { requiredKeys }) },
  { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
);

/** The result of class-transformer and class-validator. */
function slowly(body: object): unknown {
  const instance = plainToInstance(Tree, body);
  const errors = validateSync(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: false,
  });
  return errors.length === 0 ? instance : REFUSED;
}

describe('the quick check of bodies', () => {
  it('accepts nothing that class-validator refuses, and creates the same objects', () => {
    let accepted = 0;
    fc.assert(
      fc.property(tree, (body) => {
        const quick = quickCheck(Tree, body);
        if (quick === REFUSED) return;
        accepted += 1;
        expect(quick).toStrictEqual(slowly(body));
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('accepts everything valid', () => {
    const leaves = [{ name: 'x' }, { name: 'y', count: 2 }];
    const body = {
      points: 1,
      word: 'a',
      words: ['ab'],
      flag: false,
      at: '2026-03-02T08:00:00Z',
      leaf: leaves[1],
      leaves,
    };
    expect(quickCheck(Tree, body)).toStrictEqual(slowly(body));
    expect(quickCheck(Tree, body)).toBeInstanceOf(Tree);
  });

  it('covers the rules of class-validator itself, and leaves to it those that depend on more than the value', () => {
    expect(quickCheck(Described, { name: 'abc' })).toEqual({ name: 'abc' });
    expect(quickCheck(Described, { name: 'ab' })).toBe(REFUSED);
    expect(quickCheck(Conditional, { name: 'abc' })).toBe(REFUSED);
  });
});
