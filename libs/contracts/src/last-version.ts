/** Version of an ended record: after every other, so that no late event restores it. */
export const LAST_VERSION = BigInt(Number.MAX_SAFE_INTEGER);
