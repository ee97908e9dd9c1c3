import type { Answer } from '#libs/testing';
import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

const DAY = 86_400_000;

/** An earner with orders of a friend; each pays a tenth. */
interface Promoter {
  member: Member;
  buyer: Member;
  sells(net: number): Promise<string>;
}

/** Set-up for specs of earnings, between `open` and `close`. */
export interface Earners {
  readonly under: ReferralsUnderTest;
  open(): Promise<void>;
  close(): Promise<void>;
  promoter(): Promise<Promoter>;
  wait(days: number): void;
  payout(path: string, client: string, body?: unknown): Promise<Answer>;
  draft(): Promise<Answer>;
  /** Releases a draft and confirms it. */
  pay(id: string): Promise<void>;
  convert(member: Member, amount: number): Promise<Answer>;
  balance(member: Member): Promise<Record<string, number>>;
  /** Points that the ledger was told to give, minus points to take back. */
  points(member: Member): Promise<number>;
}

/** birch's offer pays a tenth to the distributor; there is no other share. */
export function earners(): Earners {
  let under: ReferralsUnderTest;
  let offerId: string;
  let conversions = 0;
  const self: Earners = {
    get under() {
      return under;
    },
    open: async () => {
      under = await referralsUnderTest(['aurora', 'birch', 'crest']);
      const programme = { contributorBp: 0, conversionPrice: '1.05', validFrom: '2026-01-01T00:00:00Z' };
      await under.asOperator('POST', '/v1/operator/referral-programmes', programme);
      const offer = { name: 'o', poolBp: 1_000, split: { distributor: 1_000 }, targets: ['birch.example'] };
      const made = { ...offer, returnDays: 7, validFrom: '2026-01-01T00:00:00Z' };
      offerId = (await under.asBrand('birch', 'POST', '/v1/offers', made)).body.id;
      await under.asBrand('birch', 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'spring' });
    },
    close: () => under.close(),
    promoter: async () => {
      const member = await under.member(['birch']);
      const buyer = await under.member(['crest', 'birch']);
      const owner = { kind: 'member', memberRef: member.at('birch') };
      const wanted = { offerId, campaign: 'spring', owner, target: 'https://birch.example/' };
      const code = (await under.asBrand('birch', 'POST', '/v1/links', wanted)).body.code as string;
      return { member, buyer, sells: (net) => under.order('birch', buyer, { net, referral: { code } }) };
    },
    wait: (days) => under.clock.set(new Date(under.clock.now().getTime() + days * DAY)),
    payout: (path, client, body) => under.asOperator('POST', `/v1/operator/payouts${path}`, body, {}, client),
    draft: () => self.payout('', 'cl_maker', { currency: 'CNY' }),
    pay: async (id) => {
      await self.payout(`/${id}/release`, 'cl_checker');
      expect((await self.payout(`/${id}/confirm`, 'cl_checker')).body.state).toBe('paid');
    },
    convert: (member, amount) =>
      under.asBrand('birch', 'POST', '/v1/earnings/conversions', {
        externalId: `cv-${(conversions += 1)}`,
        memberRef: member.at('birch'),
        amount,
        currency: 'CNY',
      }),
    balance: async (member) =>
      (await under.asBrand('birch', 'GET', `/v1/earnings?kind=member&memberRef=${member.at('birch')}`)).body
        .balances[0],
    points: async ({ walletId }) => {
      const rows = await under.sql<{ n: number }>(
        'select coalesce(sum(points), 0)::int as n from conversion where wallet_id = $1',
        [walletId],
      );
      return rows[0]?.n ?? 0;
    },
  };
  return self;
}
