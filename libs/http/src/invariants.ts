/** A condition that must always hold, as measured now. */
export interface Check {
  name: string;
  ok: boolean;
  expected: string;
  measured: string;
}

/** Conditions that a service checks on its own books. Provide it under `INVARIANTS` in any module of the service. */
export interface Invariants {
  check(): Promise<Check[]>;
}

/** Injection token of a service's `Invariants`. */
export const INVARIANTS: unique symbol = Symbol('hezong.invariants');
