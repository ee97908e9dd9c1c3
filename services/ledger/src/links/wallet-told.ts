import type { MemberLink, MemberLinks } from '#libs/directory';

/** Kept with the key of what a brand reported. */
export interface WalletTold {
  /** The member was the brand's no more, so that it is not told of the wallet. */
  left?: true;
}

/**
 * Whether the brand of a memberRef may be told of a wallet: not once the member has left it or has another wallet, nor where nobody can say.
 * What it reports of earlier business is taken all the same. Kept with the key, so that a repeat is told neither more nor less.
 */
export async function toldOf(
  links: Pick<MemberLinks, 'find'>,
  { memberRef, walletId }: Pick<MemberLink, 'memberRef' | 'walletId'>,
): Promise<WalletTold> {
  const link = await links.find(memberRef).catch(() => null);
  return link !== null && link.active && link.walletId === walletId ? {} : { left: true };
}
