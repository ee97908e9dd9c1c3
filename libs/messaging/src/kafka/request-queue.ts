import { createRequire } from 'node:module';

/** The part of kafkajs's queue of one connection that is looked at here. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const PATH = 'kafkajs/src/network/requestQueue/index.js';

/**
 * A connection of kafkajs 2.2.4 looks for waiting requests once more after every answer, also when none waits and with a delay that is then
 * negative: a timer goes off every millisecond as long as the connection lives, and Node 24 warns of the first. Looking when something
 * waits is enough, as whatever is put into the queue later asks for a look itself. kafkajs#1704, #1751: open since 2024.
 */
export function lookOnlyWhenRequestsWait(): void {
  const { prototype } = createRequire(import.meta.url)(PATH) as { prototype: RequestQueue };
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its queue below
  const look = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) look.call(this);
  };
}
