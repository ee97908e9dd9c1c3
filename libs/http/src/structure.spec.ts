import { isDomainError } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';
import { IsMinorAmount, IsParts, IsText } from './fields.js';
import { ValidationPipe } from './validation.pipe.js';

class Line {
  @IsText(64)
  lineId!: string;

  @IsMinorAmount()
  net!: number;
}

class Order {
  @IsText(64, { each: true, optional: true })
  tags?: string[];

  @IsParts(() => Line)
  lines!: Line[];
}

/** What is wrong with a body, and the processor time it took to say so, ms. */
function refusalOf(body: object): { ms: number; errors: FieldFault[] } {
  const began = process.cpuUsage();
  try {
    new ValidationPipe().transform(body, { type: 'body', metatype: Order });
  } catch (error) {
    const { user, system } = process.cpuUsage(began);
    if (isDomainError(error)) return { ms: (user + system) / 1_000, errors: error.details.errors ?? [] };
    throw error;
  }
  throw new Error('it was taken');
}

const wide = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 1]));
const line = { lineId: '1', net: 1 };

it.each([
  ['unknown fields', wide(200_000), '/k0', 'unknown_field', 50],
  ['unknown fields of a part', { lines: [line, { ...line, ...wide(200_000) }] }, '/lines/1/k0', 'unknown_field', 50],
  ['empty parts', { lines: Array.from({ length: 200_000 }, () => ({})) }, '/lines', 'too_many', 1],
  ['texts', { lines: [line], tags: Array.from({ length: 200_000 }, () => 5) }, '/tags', 'too_many', 1],
])('200,000 %s are refused in less than quadratic time', (_name, body, pointer, code, count) => {
  const { ms, errors } = refusalOf(body);
  expect(errors[0]).toMatchObject({ pointer, code });
  expect(errors).toHaveLength(count);
  expect(ms).toBeLessThan(1_000);
});

it('a few unknown fields are reported with all other faults', () => {
  expect(
    refusalOf({ lines: [{ lineId: '1', net: -1 }], surprise: 1 })
      .errors.map(({ code }) => code)
      .sort(),
  ).toEqual(['out_of_range', 'unknown_field']);
});

it('a field named like a member of every object is reported, in nested parts too', () => {
  expect(refusalOf({ lines: [{ ...line, toString: 1 }] }).errors).toEqual([
    expect.objectContaining({ pointer: '/lines/0/toString', code: 'unknown_field' }),
  ]);
});
