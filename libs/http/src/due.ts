/** Work of one kind that is due and waits for its sweep; `items` may stop counting at a limit. */
export interface DueItems {
  work: string;
  items: number;
}

/** Work that becomes due by time alone in a service. Provide it under `DUE` in any module of the service. */
export interface Due {
  due(): Promise<DueItems[]>;
}

/** Injection token of a service's `Due`. */
export const DUE: unique symbol = Symbol('hezong.due');

/** Limit of the count: callers need to know whether there is any due work, and roughly how much. */
export const MOST_COUNTED = 1_000;
