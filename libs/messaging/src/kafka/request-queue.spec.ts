import { createRequire } from 'node:module';
import './kafka-event-log.js';

interface Queue {
  push(request: { entry: object; expectResponse: boolean; sendRequest: () => void }): void;
  fulfillRequest(response: { correlationId: number; size: number; payload: Buffer }): void;
  maybeThrottle(ms: number): void;
  destroy(): void;
}

const QueueOfAConnection = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as new (
  options: object,
) => Queue;

const silent = { debug: () => undefined, warn: () => undefined };
let sent: number[];
let queue: Queue;

function request(correlationId: number): void {
  queue.push({
    entry: { correlationId, resolve: () => undefined, reject: () => undefined },
    expectResponse: true,
    sendRequest: () => void sent.push(correlationId),
  });
}
const answer = (correlationId: number): void =>
  queue.fulfillRequest({ correlationId, size: 0, payload: Buffer.alloc(0) });

beforeEach(() => {
  jest.useFakeTimers();
  sent = [];
  queue = new QueueOfAConnection({
    maxInFlightRequests: 1,
    requestTimeout: 10_000,
    enforceRequestTimeout: false,
    clientId: 'spec',
    broker: 'nobody:9',
    logger: silent,
  });
});
afterEach(() => {
  queue.destroy();
  jest.useRealTimers();
});

describe('the queue of a connection to Kafka', () => {
  it('runs no timer while nothing waits', () => {
    const timers = jest.spyOn(globalThis, 'setTimeout');
    request(1);
    answer(1);
    jest.advanceTimersByTime(1_000);
    expect(sent).toEqual([1]);
    expect(timers).not.toHaveBeenCalled();
  });

  it('sends what had to wait for an answer, in order', () => {
    for (const id of [1, 2, 3]) request(id);
    expect(sent).toEqual([1]);
    answer(1);
    expect(sent).toEqual([1, 2]);
    answer(2);
    expect(sent).toEqual([1, 2, 3]);
    answer(3);
    jest.advanceTimersByTime(100);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('sends what the broker throttled when the throttling ends, even with no request in flight', () => {
    request(1);
    queue.maybeThrottle(250);
    answer(1);
    request(2);
    jest.advanceTimersByTime(249);
    expect(sent).toEqual([1]);
    jest.advanceTimersByTime(20);
    expect(sent).toEqual([1, 2]);
  });
});
