import type { Proof } from '../contacts/proof.js';

/** A keyed hash in hex under the pepper of a version. */
export interface ParcelHash {
  readonly v: number;
  readonly h: string;
}

/** A contact point as the vault's functions take it. */
export interface ContactParcel {
  readonly id: string;
  readonly key: number;
  /** Ciphertext, base64. */
  readonly enc: string;
  /** Keyed hashes in hex, the one to store first. */
  readonly hashes: readonly ParcelHash[];
  readonly lock: string;
  readonly proof: Proof | null;
}
