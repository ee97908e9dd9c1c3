import { formatInstant } from '#libs/kernel';

/** A person's link to one brand, under the brand's own pseudonym. */
export interface MemberLink {
  readonly memberRef: string;
  readonly brand: string;
  /** Empty once the link has ended. */
  readonly externalId: string;
  readonly personId: string;
  readonly walletId: string;
  readonly status: 'active' | 'deleted';
  readonly version: bigint;
  /** Vault ids of the contact points that this brand sent. */
  readonly phoneId: string | null;
  readonly emailId: string | null;
  /** Whether this brand has proven them. */
  readonly phoneProven: boolean;
  readonly emailProven: boolean;
  readonly attributes: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly endedAt: Date | null;
}

/** The part of a link that other services may read. */
export interface LinkState {
  readonly memberRef: string;
  readonly brand: string;
  readonly walletId: string;
  readonly status: string;
  readonly version: number;
  /** RFC 3339. */
  readonly changedAt: string;
}

export function linkState(link: MemberLink): LinkState {
  return {
    memberRef: link.memberRef,
    brand: link.brand,
    walletId: link.walletId,
    status: link.status,
    version: Number(link.version),
    changedAt: formatInstant(link.updatedAt),
  };
}
