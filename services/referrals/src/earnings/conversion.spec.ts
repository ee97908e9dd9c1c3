import { pointsFor } from './conversion.js';

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
