import fc from 'fast-check';
import { GROUP_KINDS, net } from '../netting/netting.js';
import type { Netting, PriceGroup } from '../netting/netting.js';
import { among, redeemed, terms } from '../../test/facts.js';
import { partyOf } from '../parties/party.js';
import { isFee } from './line.js';
import type { Line, LineTerms } from './line.js';
import type { LotTerms, Movement, PostingFact } from './posting-fact.js';
import { priceLines } from './pricing.js';

const BRANDS = ['a', 'b', 'c'];
const ISSUERS: Record<string, LotTerms> = {
  a: terms('a', { operatorFeeMicro: 150_000n, feeOnOwn: true }),
  b: terms('b', { operatorFeeMicro: 99_999n }),
  c: terms('c', {
    operatorFeeMicro: 1n,
    funders: [
      { party: 'brand:c', shareBp: 4_500 },
      { party: 'brand:a', shareBp: 3_500 },
      { party: 'operator', shareBp: 2_000 },
    ],
  }),
};
const REIMBURSED: Record<string, bigint> = { a: 905_001n, b: 870_333n, c: 1_050_000n };

interface Lot {
  id: string;
  issuer: string;
  left: bigint;
}

/** The history of one wallet: a legal sequence of postings generated from numbers, and the resulting lots. */
function life(wallet: string, numbers: readonly number[]): { facts: PostingFact[]; lots: Lot[] } {
  const facts: PostingFact[] = [];
  const lots: Lot[] = [];
  const captures: { id: string; movements: Movement[] }[] = [];
  const record = (kind: PostingFact['kind'], actor: string, movements: Movement[]): string => {
    const postingId = `${wallet}-${facts.length}`;
    const at = new Date(Date.UTC(2026, 2, 1, 0, 0, facts.length));
    const fact = {
      postingId,
      walletId: wallet,
      actor,
      actorMemberRef: '',
      store: '',
      occurredAt: at,
      postedAt: at,
      reference: '',
      asset: 'PTS',
      movements,
    };
    const redeemerTerms = redeemed({ reimbursementMicro: REIMBURSED[actor] ?? 0n });
    facts.push(kind === 'capture' ? { ...fact, kind, redeemerTerms } : { ...fact, kind });
    return postingId;
  };
  const move = (lot: Lot, points: bigint, originalPostingId = ''): Movement => {
    lot.left += points;
    return {
      lotId: lot.id,
      issuer: partyOf(lot.issuer),
      points,
      originalPostingId,
      terms: ISSUERS[lot.issuer] ?? terms(lot.issuer),
      campaign: '',
      earnedAt: new Date(0),
      expiresAt: null,
    };
  };
  for (const n of numbers) {
    const brand = BRANDS[n % 3] ?? 'a';
    const amount = BigInt(1 + (n % 997));
    const lot = lots[n % Math.max(lots.length, 1)];
    const what = Math.floor(n / 7) % 5;
    if (what === 0 || lot === undefined) {
      const fresh = { id: `${wallet}-L${lots.length}`, issuer: brand, left: 0n };
      lots.push(fresh);
      record('accrual', brand, [move(fresh, amount)]);
    } else if (what === 1) {
      let wanted = amount;
      const movements: Movement[] = [];
      for (const open of lots.filter(({ left }) => left > 0n)) {
        const taken = open.left < wanted ? open.left : wanted;
        if (taken > 0n) movements.push(move(open, -taken));
        wanted -= taken;
      }
      if (movements.length > 0) captures.push({ id: record('capture', brand, movements), movements: [...movements] });
    } else if (what === 2) {
      const capture = captures.pop();
      if (capture === undefined) continue;
      const back = capture.movements.map((movement) => {
        const of = lots.find(({ id }) => id === movement.lotId);
        return of === undefined ? movement : move(of, -movement.points, capture.id);
      });
      record('redemption_return', brand, back);
    } else if (lot.left > 0n) {
      const taken = lot.left < amount ? lot.left : amount;
      record(what === 3 ? 'expiry' : 'accrual_reversal', what === 3 ? '' : lot.issuer, [move(lot, -taken)]);
    }
  }
  return { facts, lots };
}

function price(facts: readonly PostingFact[]): Line[] {
  const lines = new Map<string, Line>();
  for (const fact of facts) {
    for (const line of priceLines(fact, among(earlierOf([...lines.values()])))) {
      if (!lines.has(line.id)) lines.set(line.id, line);
    }
  }
  return [...lines.values()];
}

const earlierOf = (lines: readonly Line[]): LineTerms[] =>
  lines.map((line) => ({
    ...line,
    redeemerContract: line.stamps?.redeemerContract ?? null,
    returned: lines.reduce((sum, { originalLineId, points }) => (originalLineId === line.id ? sum - points : sum), 0n),
  }));

function settle(lines: readonly Line[]): Netting {
  const groups = new Map<string, PriceGroup>();
  for (const { payer, payee, type, priceMicro, points } of lines) {
    const kind = GROUP_KINDS[type];
    if (kind === null) continue;
    const key = [payer, payee, kind, priceMicro].join('|');
    const amountMicro = points * priceMicro;
    const known = groups.get(key) ?? {
      payer,
      payee,
      kind,
      asset: 'PTS',
      priceMicro,
      points: 0n,
      amountMicro: 0n,
    };
    groups.set(key, { ...known, points: known.points + points, amountMicro: known.amountMicro + amountMicro });
  }
  return net([...groups.values()].filter(({ priceMicro }) => priceMicro !== 0n));
}

const flat = (result: Netting): unknown => [
  Object.fromEntries([...result.positions].sort()),
  result.gross,
  result.netted,
];

const lives = fc
  .array(fc.array(fc.nat(100_000), { maxLength: 25 }), { minLength: 1, maxLength: 4 })
  .map((wallets) => wallets.map((numbers, i) => life(`w${i}`, numbers)));

describe('the partner ledger, for any lives of wallets', () => {
  it('has outstanding by issuer equal to the sum of lots', () => {
    fc.assert(
      fc.property(lives, (all) => {
        const lines = price(all.flatMap(({ facts }) => facts));
        for (const brand of BRANDS) {
          const lots = all.flatMap((one) => one.lots).filter(({ issuer }) => issuer === brand);
          const outstanding = lines
            .filter((line) => line.issuer === partyOf(brand) && !isFee(line.type))
            .reduce((sum, line) => sum + (line.type.startsWith('accrual') ? line.points : -line.points), 0n);
          expect(outstanding).toBe(lots.reduce((sum, { left }) => sum + left, 0n));
        }
      }),
    );
  });

  it('comes to the same nets twice delivered or interleaved differently between wallets', () => {
    fc.assert(
      fc.property(lives, fc.infiniteStream(fc.nat(10)), (all, choices) => {
        const straight = all.flatMap(({ facts }) => facts);
        const queues = all.map(({ facts }) => [...facts]);
        const mixed: PostingFact[] = [];
        for (let waiting = queues; waiting.length > 0; waiting = waiting.filter((queue) => queue.length > 0)) {
          const fact = waiting[(choices.next().value ?? 0) % waiting.length]?.shift();
          if (fact !== undefined) mixed.push(fact, fact);
        }
        const [one, other] = [price(straight), price([...mixed, ...straight])];
        expect(other.map(({ id }) => id).sort()).toEqual(one.map(({ id }) => id).sort());
        expect(flat(settle(other))).toEqual(flat(settle(one)));
      }),
    );
  });

  it('sums to 0, and netting never moves more than gross', () => {
    fc.assert(
      fc.property(lives, (all) => {
        const result = settle(price(all.flatMap(({ facts }) => facts)));
        expect([...result.positions.values()].reduce((sum, value) => sum + value, 0n)).toBe(0n);
        expect(result.netted <= result.gross).toBe(true);
      }),
    );
  });

  it('returns to nothing when every redemption is given back', () => {
    fc.assert(
      fc.property(lives, (all) => {
        const facts = all.flatMap((one) => one.facts);
        const returned = new Set(
          facts
            .filter(({ kind }) => kind === 'redemption_return')
            .flatMap(({ movements }) => movements.map((m) => m.originalPostingId)),
        );
        const undone = facts
          .filter(({ kind, postingId }) => kind === 'capture' && !returned.has(postingId))
          .map((fact): PostingFact => ({
            ...fact,
            postingId: `${fact.postingId}-back`,
            kind: 'redemption_return',
            movements: fact.movements.map((m) => ({ ...m, points: -m.points, originalPostingId: fact.postingId })),
          }));
        const result = settle(price([...facts, ...undone]));
        expect([...result.positions.values(), result.gross].every((value) => value === 0n)).toBe(true);
      }),
    );
  });
});
