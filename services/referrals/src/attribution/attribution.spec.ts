import { decide } from './attribution.js';
import type { ClaimedLink, ClaimedTouch, Claims, OfferTerms } from './attribution.js';

const day = (n: number): Date => new Date(Date.UTC(2026, 2, n));
const offer: OfferTerms = {
  id: 'o',
  seller: 'birch',
  windowDays: 30,
  protectionDays: 7,
  validFrom: day(-60),
  validTo: null,
  withdrawnAt: null,
};
const link = (owner: string, over: Partial<ClaimedLink> = {}): ClaimedLink => ({
  id: `link-${owner}`,
  brand: 'aurora',
  owner,
  campaign: 'spring',
  createdAt: day(-60),
  offer,
  ...over,
});
const touch = (owner: string, at: Date): ClaimedTouch => ({ id: `${owner}@${at.getUTCDate()}`, at, link: link(owner) });
const claims = (over: Partial<Claims> = {}): Claims => ({
  seller: 'birch',
  at: day(20),
  campaign: '',
  guide: null,
  code: null,
  click: null,
  touches: [],
  renewals: [],
  ...over,
});
const verdict = (over: Partial<Claims>): (string | null)[] => {
  const { wonBy, promoter } = decide(claims(over));
  return [wonBy, promoter];
};

describe('the order of claims', () => {
  const code = { text: 'X', link: link('d') };
  const click = { text: 't', touch: touch('e', day(19)) };
  const touches = [touch('f', day(18))];
  it.each<[string, Partial<Claims>, (string | null)[]]>([
    ['a guide in store wins over all', { guide: { owner: 'g' }, code, click, touches }, ['guide', null]],
    ['then the code', { code, click, touches }, ['code', 'd']],
    ['then the deep link', { click, touches }, ['deep_link', 'e']],
    ['then the stored click', { touches }, ['click', 'f']],
    ['then nobody', {}, ['none', null]],
  ])('%s', (_, over, expected) => {
    expect(verdict(over)).toEqual(expected);
  });

  it('passes to the next claim if one cannot win, and gives the reason', () => {
    const { wonBy, refused } = decide(
      claims({ campaign: 'autumn', code, click: { text: 'gone', touch: null }, touches: [] }),
    );
    expect(wonBy).toBe('none');
    expect(refused).toEqual([
      { kind: 'code', value: 'X', reason: 'other_campaign' },
      { kind: 'deep_link', value: 'gone', reason: 'unknown' },
    ]);
  });

  it('accepts no link of another seller or of a closed offer', () => {
    const foreign = link('d', { offer: { ...offer, seller: 'crest' } });
    expect(decide(claims({ code: { text: 'X', link: foreign } })).refused[0]?.reason).toBe('other_seller');
    const young = link('d', { createdAt: day(21) });
    expect(decide(claims({ code: { text: 'X', link: young } })).refused[0]?.reason).toBe('younger_than_order');
    const closed = link('d', { offer: { ...offer, withdrawnAt: day(19) } });
    expect(decide(claims({ code: { text: 'X', link: closed } })).refused[0]?.reason).toBe('offer_closed');
  });
});

it('names a claim that lost to a guide in store as the claimant knows it', () => {
  const guide = { owner: 'g' };
  const refused = (over: Partial<Claims>): unknown => decide(claims({ guide, ...over })).refused[0]?.value;
  expect(refused({ code: { text: 'X', link: link('d') } })).toBe('X');
  expect(refused({ click: { text: 'tc_1', touch: touch('d', day(19)) } })).toBe('tc_1');
  expect(refused({ touches: [touch('d', day(19))] })).toBe('d@19');
});

describe('stored clicks', () => {
  it.each<[string, ClaimedTouch[], string | null]>([
    ['bind for the window', [touch('d', day(-9))], 'd'],
    ['and not a moment longer', [touch('d', day(-10))], null],
    ['come before the order', [touch('d', day(21))], null],
    ['are protected from others', [touch('d', day(10)), touch('e', day(16))], 'd'],
    ['for the protection only', [touch('d', day(10)), touch('e', day(17))], 'e'],
    ['and protected anew by the same promoter', [touch('d', day(8)), touch('d', day(14)), touch('e', day(20))], 'd'],
    ['leave nobody behind when the window ended', [touch('d', day(-20)), touch('e', day(19))], 'e'],
  ])('%s', (_, touches, promoter) => {
    expect(decide(claims({ touches })).promoter).toBe(promoter);
  });

  it('are renewed by an order that the promoter won', () => {
    const touches = [touch('d', day(1)), touch('e', day(12))];
    expect(verdict({ touches, renewals: [{ owner: 'd', at: day(6) }] })).toEqual(['click', 'd']);
    expect(verdict({ touches, renewals: [] })).toEqual(['click', 'e']);
  });
});
