/** Version of what a tombstone has ended: after every other, so that nothing that comes late brings it back. */
export const LAST_VERSION = BigInt(Number.MAX_SAFE_INTEGER);
