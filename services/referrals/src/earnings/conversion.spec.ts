import { pointsBack, pointsFor } from './conversion.js';

it.each([
  [6_000n, 5_714n, '5999.70', '0.30'],
  [2_400n, 2_285n, '2399.25', '0.75'],
  [1n, 0n, '0.00', '1.00'],
])('%s fen at 1.05 buy %s points', (amount, points, cost, remainder) => {
  const converted = pointsFor(amount, 1_050_000n);
  expect([converted.points, converted.cost.toString(), converted.remainder.toString()]).toEqual([
    points,
    cost,
    remainder,
  ]);
});

it('takes back in slices of one fen as much as one slice takes', () => {
  let back = 0n;
  for (let fen = 0n; fen < 2_400n; fen += 1n) back += pointsBack(fen, 1n, 1_050_000n);
  expect(back).toBe(2_285n);
  expect(pointsBack(0n, 2_400n, 1_050_000n)).toBe(2_285n);
});
