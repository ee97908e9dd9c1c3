import { Revocations } from './revocations.js';

const answers: unknown[] = [];
const asked: string[] = [];
const identity = {
  get: <T>(url: string): Promise<T | null> => {
    asked.push(url);
    const next = answers.shift();
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next as T);
  },
};

it('asks immediately and then every 1.5 seconds, and keeps all revocations while identity is away or gives invalid answers', async () => {
  jest.useFakeTimers();
  const revocations = new Revocations(identity, 'http://identity');
  await revocations.ready();
  answers.push(
    { clients: ['a'], secrets: [] },
    { clients: ['a'], secrets: ['b'] },
    new Error('away'),
    null,
    { clients: [] },
    { clients: ['b'], secrets: [] },
  );
  const known = (): string => ['a', 'b'].filter((id) => revocations.has(id)).join();
  try {
    revocations.onModuleInit();
    await revocations.ready();
    const seen = [known()];
    for (let round = 0; round < 5; round += 1) {
      await jest.advanceTimersByTimeAsync(1_500);
      seen.push(known());
    }
    expect(seen).toEqual(['a', 'a,b', 'a,b', 'a,b', 'a,b', 'b']);
    expect(new Set(asked)).toEqual(new Set(['http://identity/internal/v1/revoked-clients']));
    revocations.onModuleDestroy();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveLength(6);
  } finally {
    jest.useRealTimers();
  }
});
