import { commission } from './earnings.js';
import { editedBooks } from './edits.js';

const books = editedBooks();
const { named, at, contribution } = books;

const CYCLES = ['2026-04', '2026-03-USD', '2026-03'];

const step = async (cycle: string, name: string, key?: string): Promise<string> => {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  const { status, body } = await books.under.asOperator(
    'POST',
    `/v1/operator/cycles/${cycle}/${name}`,
    undefined,
    headers,
  );
  return `${status} ${body.code ?? body.status}`;
};

/** Has operators look at the cycles all the time, which puts their calls on record, while the work runs; returns their answers. */
async function beside(work: () => Promise<void>): Promise<Set<number>> {
  let busy = true;
  const answers = new Set<number>();
  const look = async (): Promise<void> => {
    while (busy) answers.add((await books.under.asOperator('GET', '/v1/operator/cycles')).status);
  };
  const looking = Array.from({ length: 4 }, look);
  await work();
  busy = false;
  await Promise.all(looking);
  return answers;
}

it('takes steps of several cycles at once, while operators look at them', async () => {
  at('2026-04-10T12:00:00+08:00');
  await contribution('april', '2026-04-05T10:00:00+08:00');
  await books.under.deliverCommissions([
    commission('usd', '2026-03-09T10:00:00+08:00', [['u1', 'contributor', 'brand:aurora', 100n]], { currency: 'USD' }),
  ]);
  at('2026-05-03T12:00:00+08:00');
  for (const cycle of [...CYCLES].reverse()) expect(await step(cycle, 'cut-off')).toBe('200 cut_off');
  const looks = await beside(async () => {
    for (const [name, after] of [
      ['freeze', 'frozen'],
      ['confirm', 'confirmed'],
      ['close', 'closed'],
    ] as const) {
      expect(await Promise.all(CYCLES.map((cycle) => step(cycle, name)))).toEqual(CYCLES.map(() => `200 ${after}`));
    }
  });
  expect([...looks]).toEqual([200]);
  for (const cycle of CYCLES) expect(await named(cycle)).toEqual([]);
}, 120_000);

it('takes the same step twenty times at once, once, and leaves other calls a connection', async () => {
  for (const [name, after] of [
    ['cut-off', 'cut_off'],
    ['freeze', 'frozen'],
    ['confirm', 'confirmed'],
    ['close', 'closed'],
  ] as const) {
    let answers: string[] = [];
    const looks = await beside(async () => {
      answers = await Promise.all(Array.from({ length: 20 }, (_, n) => step('2026-03', name, `${name}-${n}`)));
    });
    expect([...looks]).toEqual([200]);
    expect(answers).toContain(`200 ${after}`);
    expect(answers.filter((answer) => answer !== `200 ${after}` && answer !== '409 cycle_state')).toEqual([]);
  }
  expect(await named('2026-03')).toEqual([]);
}, 120_000);
