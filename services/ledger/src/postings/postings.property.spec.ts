import fc from 'fast-check';

import { day, LedgerFixture } from '../../test/ledger-fixture.js';
import { ask, deliver, plain, prefers, Script, writeOff } from '../../test/ledger-script.js';
import type { PostingOutcome } from './posting.js';
import type { PostingsService } from './postings.service.js';

const RUNS = {
  numRuns: Number(process.env['LEDGER_RUNS'] ?? 40),
  interruptAfterTimeLimit: 100_000,
  markInterruptAsFailure: false,
};
const tick = fc.record({ do: fc.constant('tick' as const), days: fc.integer({ min: 1, max: 3 }) });

describe('the ledger core against a model', () => {
  let ledger: LedgerFixture;
  let second: PostingsService;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
    second = ledger.process(1);
  }, 120_000);
  afterAll(async () => {
    await second.onApplicationShutdown();
    await ledger.close();
  });

  it('answers and keeps the books as the model does, for any calls in any order', async () => {
    const step = fc.oneof(
      { weight: 32, arbitrary: ask },
      { weight: 2, arbitrary: deliver },
      { weight: 4, arbitrary: writeOff },
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
      fc.asyncProperty(prefers, fc.array(step, { minLength: 5, maxLength: 40 }), async (preferred, steps) => {
        const script = await begin(preferred);
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
            await call.learn?.();
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

  it('does parallel calls as if they had come in the order of their postings', async () => {
    const round = fc.record({
      days: fc.integer({ min: 0, max: 3 }),
      asks: fc.array(ask, { minLength: 2, maxLength: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(prefers, fc.array(round, { minLength: 3, maxLength: 10 }), async (preferred, rounds) => {
        const script = await begin(preferred);
        for (const { days, asks } of rounds) {
          script.today += days;
          const now = day(script.today);
          const calls = asks
            .flatMap((s) => script.call(s) ?? [])
            .filter((call, n, all) => {
              const first = all.findIndex(({ takes }) => takes === call.takes);
              return call.takes === undefined || first === n || !script.ended(call);
            });
          // two processes, a sweeper in each, and readers that settle wallets before they show them
          const [outcomes] = await Promise.all([
            Promise.all(calls.map((call, n) => call.send(n % 2 === 0 ? ledger.postings : second))),
            ledger.postings.settleDue(now, 50),
            second.settleDue(now, 50),
            ...script.wallets.map(({ id }) => (asks.length % 2 === 0 ? second : ledger.postings).settle(id, now)),
          ]);
          for (const call of calls) await call.learn?.();
          const queues = await queuesOf(script, outcomes);
          const seen: unknown[][] = script.wallets.map(() => []);
          const look = (): void => {
            for (const [n, { model }] of script.wallets.entries()) {
              model.settle(now.getTime());
              seen[n]?.push(model.numbers());
            }
          };
          look();
          for (let left = queues.flat().length; left > 0; left = queues.flat().length) {
            const next = queues
              .map(([head]) => head)
              .find(
                (head) => head !== undefined && queues.every((queue) => queue[0] === head || !queue.includes(head)),
              );
            const [call, outcome] = [calls[next ?? -1], outcomes[next ?? -1]];
            if (call === undefined || outcome === undefined)
              throw new Error('two wallets disagree about what came first');
            expect(plain(outcome)).toEqual(call.play(script.model(call.wallet)));
            call.done?.();
            look();
            for (const queue of queues) if (queue[0] === next) queue.shift();
          }
          // what met only expired points has no posting either, so its position is unknown; no other call of the round took those points
          for (const [n, { verdict, postingId, ...outcome }] of outcomes.entries()) {
            const call = calls[n];
            if (verdict !== 'created' || postingId !== null || call?.takes === undefined) continue;
            expect(call.play(script.model(call.wallet)).found).toEqual(plain({ verdict, postingId, ...outcome }).found);
            call.done?.();
          }
          // a refusal has no posting, but it saw the wallet between two postings
          for (const [n, outcome] of outcomes.entries()) {
            expect(seen[calls[n]?.wallet ?? -1]).toContainEqual(plain(outcome).numbers);
          }
        }
        await script.compare();
        await ledger.expectInvariants();
      }),
      RUNS,
    );
  }, 150_000);

  async function begin(preferred: readonly string[]): Promise<Script> {
    await ledger.owner.query('select ledger_draw_by_v1($1)', [preferred]);
    return new Script(ledger, preferred);
  }

  /** For each wallet, the outcomes posted to it, in the order of its postings. */
  async function queuesOf(script: Script, outcomes: readonly PostingOutcome[]): Promise<number[][]> {
    const { rows } = await ledger.owner.query<{ wallet: string; n: number }>(
      `select p.wallet_id as wallet, u.n::integer - 1 as n
       from unnest($1::uuid[], $2::uuid[]) with ordinality u(posting, subject, n)
       join posting p on p.wallet_id = any($3::uuid[]) and (p.id = u.posting or p.kind = 'transfer_in' and p.order_id = u.subject)
       order by p.wallet_version`,
      [
        outcomes.map(({ postingId }) => postingId),
        outcomes.map(({ subjectId }) => subjectId),
        script.wallets.map(({ id }) => id),
      ],
    );
    return script.wallets.map(({ id }) => rows.filter(({ wallet }) => wallet === id).map(({ n }) => n));
  }
});
