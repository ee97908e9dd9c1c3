import type { GuardedAct } from '#libs/http';
import { canonicalJson, idFromUuid, namedHash, sumToJson } from '#libs/kernel';
import type { Payout, PayoutItem } from './payouts.tables.js';

/** Hash of an item: the payout, its owner and amounts, and the shares they are drawn from. */
export function itemHash(
  { id, currency }: Pick<Payout, 'id' | 'currency'>,
  { owner, gross, netted, tax, net, shares }: Omit<PayoutItem, 'payoutId' | 'hash' | 'leftOut'>,
): string {
  return namedHash(canonicalJson({ payout: id, currency, owner, gross, netted, tax, net, shares }));
}

/** The release of a payout as a second client approves it. The hashes of the items are computed anew. */
export function releaseAct(
  payout: Pick<Payout, 'id' | 'currency'>,
  items: readonly PayoutItem[],
  maker: string,
): GuardedAct {
  const net = sumToJson(items.reduce((total, item) => total + item.net, 0n));
  const hash = namedHash(items.map((item) => itemHash(payout, item)).join('\n'));
  const payload = { payout: idFromUuid('pt', payout.id), currency: payout.currency, items: items.length, net, hash };
  return { act: 'payout.release', maker, payload };
}

/** Hash of the payload of an act, as approvers see it. */
export function payloadHash({ payload }: GuardedAct): string {
  return namedHash(canonicalJson(payload));
}
