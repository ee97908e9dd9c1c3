import { asTold } from './posting-fact.js';
import type { PostingFact } from './posting-fact.js';

const ZONE = 'Asia/Shanghai';
const told = (kind: 'expiry' | 'accrual', occurredAt: string, postedAt: string): string => {
  const fact: PostingFact = {
    kind,
    postingId: 'p',
    walletId: 'w',
    actor: 'aurora',
    actorMemberRef: '',
    store: '',
    occurredAt: new Date(occurredAt),
    postedAt: new Date(postedAt),
    reference: '',
    asset: 'CNY',
    movements: [],
  };
  return asTold(fact, ZONE).postedAt.toISOString();
};

it('an expiry bears the points’ own end where that is on its day, else the beginning of that day', () => {
  expect(told('expiry', '2026-03-05T01:00:00Z', '2026-03-05T07:11:13.517Z')).toBe('2026-03-05T01:00:00.000Z');
  expect(told('expiry', '2026-03-03T15:59:59Z', '2026-03-05T07:11:13.517Z')).toBe('2026-03-04T16:00:00.000Z');
  // never after the posting, and on the first day of a month not on the day before
  expect(told('expiry', '2026-03-05T09:00:00Z', '2026-03-05T07:11:13.517Z')).toBe('2026-03-04T16:00:00.000Z');
  expect(told('expiry', '2026-03-31T15:59:59.999Z', '2026-03-31T16:00:00.001Z')).toBe('2026-03-31T16:00:00.000Z');
});

it('what a brand did itself keeps its time', () => {
  expect(told('accrual', '2026-03-03T15:59:59Z', '2026-03-05T07:11:13.517Z')).toBe('2026-03-05T07:11:13.517Z');
});
