import { TOPICS } from '#libs/contracts';
import { retryTopicsOf } from './pipeline/retry-topics.js';
import { readTopics } from './topics.js';

describe('the declaration of topics', () => {
  it('has exactly the topics named in the contracts', () => {
    expect(
      readTopics()
        .map((topic) => topic.name)
        .sort(),
    ).toEqual(Object.values(TOPICS).sort());
  });

  it('gives an unordered group three retry topics', () => {
    expect(retryTopicsOf({ name: 'hezong.a.b.v1', partitions: 6, unordered: ['crm.search'] })).toEqual([
      { name: 'hezong.retry.crm.search.10s.v1', partitions: 3, retentionDays: 7 },
      { name: 'hezong.retry.crm.search.1m.v1', partitions: 3, retentionDays: 7 },
      { name: 'hezong.retry.crm.search.10m.v1', partitions: 3, retentionDays: 7 },
    ]);
  });
});
