import { sha256Hex } from '#libs/kernel';

/**
 * Kinds of business keys: the same id of a brand may name an order and a grant. `reward` is for what the network itself gives or
 * takes back (rebates, converted earnings, write-offs of debts); no client can claim such a key beforehand.
 */
export type OperationKind =
  | 'order'
  | 'grant'
  | 'reward'
  | 'order_return'
  | 'authorization'
  | 'capture'
  | 'void'
  | 'redemption_return'
  | 'expiration'
  | 'delivery'
  | 'transfer';

/**
 * The name under which a key is claimed permanently: 16 bytes of SHA-256 over kind, brand and the brand's own id, as the 32 digits
 * of a UUID. An `Idempotency-Key` is a kind of its own.
 */
export function claimKey(kind: OperationKind | 'idempotency_key', brand: string, id: string): string {
  return sha256Hex(`${kind}\n${brand}\n${id}`).slice(0, 32);
}
