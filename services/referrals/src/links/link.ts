import type { OwnerKind } from '../distributors/owner.js';

/** A tracked link: who promotes which offer for which campaign, and where it leads. */
export interface Link {
  readonly id: string;
  readonly code: string;
  readonly brand: string;
  readonly seller: string;
  readonly offerId: string;
  readonly campaign: string;
  readonly ownerKind: OwnerKind;
  readonly ownerRef: string;
  readonly owner: string;
  readonly walletId: string | null;
  readonly target: string;
  readonly createdAt: Date;
}
