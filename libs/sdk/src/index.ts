export { HezongClient } from './client.js';
export type { HezongOptions } from './client.js';
export type * from './gen/types.gen.js';
export type { Page, PageQuery } from './pages.js';
export { HezongProblem, HezongUnreachable } from './problem.js';
export type { RetryPolicy } from './retries.js';
export { rootOfLegs, verifyDay } from './verify-day.js';
export type { DayVerdict, ShownLeg } from './verify-day.js';
