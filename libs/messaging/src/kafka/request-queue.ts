import { createRequire } from 'node:module';

/** The part of kafkajs's per-connection queue that is used here. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const PATH = 'kafkajs/src/network/requestQueue/index.js';

/**
 * A connection of kafkajs 2.2.4 checks for waiting requests after every answer, even when none waits, and then with a negative delay:
 * a timer fires every millisecond as long as the connection is open, and Node 24 warns of the first. Checking only when requests wait
 * is enough, because each request added later triggers its own check. kafkajs#1704, #1751: open since 2024.
 */
export function lookOnlyWhenRequestsWait(): void {
  const { prototype } = createRequire(import.meta.url)(PATH) as { prototype: RequestQueue };
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its queue below
  const look = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) look.call(this);
  };
}
