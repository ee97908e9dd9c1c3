import type { Proof } from '../contacts/proof.js';

/** A contact point as the vault's functions take it. */
export interface ContactParcel {
  readonly id: string;
  readonly key: number;
  /** Ciphertext, base64. */
  readonly enc: string;
  /** Keyed hashes in hex, the one to store first. */
  readonly hashes: readonly { readonly v: number; readonly h: string }[];
  readonly lock: string;
  readonly proof: Proof | null;
}
