import type { MemberLink, MemberLinks } from '#libs/directory';

/** Stored with the key of a brand's report. */
export interface WalletTold {
  /** The member was no longer the brand's, so the brand is not told about the wallet. */
  left?: true;
}

/**
 * Whether the brand of a memberRef may be told about a wallet. It may not once the member has left the brand or has another wallet,
 * nor if this cannot be determined. Its reports of earlier business are accepted in any case. The result is stored with the key, so
 * that a repeat gets the same answer.
 */
export async function toldOf(
  links: Pick<MemberLinks, 'find'>,
  { memberRef, walletId }: Pick<MemberLink, 'memberRef' | 'walletId'>,
): Promise<WalletTold> {
  const link = await links.find(memberRef).catch(() => null);
  return link !== null && link.active && link.walletId === walletId ? {} : { left: true };
}
