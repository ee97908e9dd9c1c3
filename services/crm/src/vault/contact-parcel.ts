import type { Proof } from '../contacts/proof.js';

/** A keyed hash in hex, with the version of its pepper. */
export interface ParcelHash {
  readonly v: number;
  readonly h: string;
}

/** A contact point as passed to the vault's functions. */
export interface ContactParcel {
  readonly id: string;
  readonly key: number;
  /** Ciphertext, base64. */
  readonly enc: string;
  /** Keyed hashes in hex, first the one to store. */
  readonly hashes: readonly ParcelHash[];
  readonly lock: string;
  readonly proof: Proof | null;
}
