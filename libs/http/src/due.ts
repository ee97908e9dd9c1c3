/** Work of one kind that time has made due and that waits for its sweep; `items` may stop counting at a limit. */
export interface DueItems {
  work: string;
  items: number;
}

/** What time alone makes due in a service. Provide it under `DUE` in any module of the service. */
export interface Due {
  due(): Promise<DueItems[]>;
}

/** Injection token of a service's `Due`. */
export const DUE: unique symbol = Symbol('hezong.due');

/** Where counting stops: whoever asks wants to know whether there is any, and roughly how much. */
export const MOST_COUNTED = 1_000;
