import fc from 'fast-check';

import { day, LedgerFixture } from '../../test/ledger-fixture.js';
import { ask, deliver, plain, Script } from '../../test/ledger-script.js';
import type { PostingOutcome } from './posting.js';
import type { Postings } from './postings.service.js';

const RUNS = {
  numRuns: Number(process.env['LEDGER_RUNS'] ?? 40),
  interruptAfterTimeLimit: 100_000,
  markInterruptAsFailure: false,
};
const tick = fc.record({ do: fc.constant('tick' as const), days: fc.integer({ min: 1, max: 3 }) });

describe('the ledger core against a model', () => {
  let ledger: LedgerFixture;
  let twin: Postings;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
    twin = ledger.process(1);
  }, 120_000);
  afterAll(async () => {
    await twin.onApplicationShutdown();
    await ledger.close();
  });

  it('answers and keeps the books as the model does, whatever is asked in whatever order', async () => {
    const step = fc.oneof(
      { weight: 32, arbitrary: ask },
      { weight: 2, arbitrary: deliver },
      { weight: 4, arbitrary: tick },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('due' as const) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant('close' as const),
          wallet: fc.nat(1),
          brand: fc.constantFrom('aurora', 'birch', 'crest'),
          campaign: fc.constantFrom(null, 'spring'),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const), which: fc.nat() }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const script = new Script(ledger);
        const sent: { repeat: () => Promise<PostingOutcome>; first: PostingOutcome }[] = [];
        for (const s of steps) {
          if (s.do === 'tick') script.today += s.days;
          else if (s.do === 'close') await script.close(s.wallet, s.brand, s.campaign);
          else if (s.do === 'due') await script.compare();
          else if (s.do === 'again') {
            const known = sent[s.which % sent.length];
            if (known !== undefined) expect(await known.repeat()).toEqual({ ...known.first, replayed: true });
          } else {
            const call = script.call(s);
            if (call === null) continue;
            const first = await call.send(ledger.postings);
            expect(plain(first)).toEqual(call.play(script.model(call.wallet)));
            expect(first.replayed).toBe(false);
            if (first.verdict === 'created') call.done?.();
            if (first.verdict !== 'stale') sent.push({ repeat: () => call.send(ledger.postings), first });
          }
        }
        await script.compare();
        await ledger.expectInvariants();
      }),
      RUNS,
    );
  }, 150_000);

  it('does what is asked at once as if it had been asked in the order of its postings', async () => {
    const round = fc.record({
      days: fc.integer({ min: 0, max: 3 }),
      asks: fc.array(ask, { minLength: 2, maxLength: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 3, maxLength: 10 }), async (rounds) => {
        const script = new Script(ledger);
        for (const { days, asks } of rounds) {
          script.today += days;
          const now = day(script.today);
          const calls = asks.flatMap((s) => script.call(s) ?? []);
          // two processes, a sweeper in each, and readers that settle the wallets they are about to show
          const [outcomes] = await Promise.all([
            Promise.all(calls.map((call, n) => call.send(n % 2 === 0 ? ledger.postings : twin))),
            ledger.postings.settleDue(now, 50),
            twin.settleDue(now, 50),
            ...script.wallets.map(({ id }) => (asks.length % 2 === 0 ? twin : ledger.postings).settle(id, now)),
          ]);
          const versions = await versionsOf(outcomes);
          for (const [n, { model }] of script.wallets.entries()) {
            const mine = calls.flatMap((call, i) => {
              const outcome = outcomes[i];
              return call.wallet === n && outcome !== undefined ? [{ call, outcome }] : [];
            });
            const seen: unknown[] = [];
            const look = (): void => {
              model.settle(now.getTime());
              seen.push(model.numbers());
            };
            look();
            for (const { call, outcome } of mine
              .filter(({ outcome: { verdict } }) => verdict === 'created')
              .sort((a, b) =>
                Number((versions.get(a.outcome.postingId) ?? 0n) - (versions.get(b.outcome.postingId) ?? 0n)),
              )) {
              expect(plain(outcome)).toEqual(call.play(model));
              call.done?.();
              look();
            }
            // a refusal has no posting, but it saw the wallet between two of them
            for (const { outcome } of mine) expect(seen).toContainEqual(plain(outcome).numbers);
          }
        }
        await script.compare();
        await ledger.expectInvariants();
      }),
      RUNS,
    );
  }, 150_000);

  async function versionsOf(outcomes: readonly PostingOutcome[]): Promise<Map<string | null, bigint>> {
    const { rows } = await ledger.owner.query<{ id: string; version: bigint }>(
      'select id, wallet_version as version from posting where id = any($1)',
      [outcomes.map(({ postingId }) => postingId)],
    );
    return new Map(rows.map(({ id, version }) => [id, version]));
  }
});
