import type { ParkedEvent } from '#libs/http';

export interface Check {
  name: string;
  ok: boolean;
  expected: string;
  measured: string;
}

export interface Lag {
  consumer: string;
  events: number;
}

export interface LagReport {
  settled: boolean;
  lag: Lag[];
  /** Events that could not be handled and that the operator has not set aside. */
  parked: ParkedEvent[];
}

export interface InvariantsReport extends LagReport {
  asOf: string;
  ok: boolean;
  checks: Check[];
}

export interface Backlog {
  source: string;
  events: number;
}

export interface Due {
  work: string;
  items: number;
}

/** A consumer's answer: its lag, and the ends of the partitions that it reads. */
export interface Reading extends Lag {
  readonly progress: readonly { readonly partition: string; readonly end: string }[];
}

/** Answers of all services by service name. */
export interface Answers {
  readonly due: readonly (readonly [string, readonly Due[]])[];
  readonly backlog: readonly (readonly [string, readonly Backlog[]])[];
  readonly lag: readonly (readonly [string, readonly Reading[]])[];
  readonly parked: readonly (readonly [string, readonly ParkedEvent[]])[];
  readonly checks: readonly (readonly [string, { readonly checks: readonly Check[] }])[];
}

/**
 * Merges what is still to be handled in the whole network. Unsent events of a service count as the lag of its relay, and due work as
 * the lag of its sweep.
 */
export function mergeLag({ due, backlog, lag: groups, parked: aside }: Omit<Answers, 'checks'>): LagReport {
  const sweeps = due.flatMap(([service, kinds]) =>
    kinds.map(({ work, items }) => ({ consumer: `due:${service}.${work}`, events: items })),
  );
  const relays = backlog.flatMap(([service, sources]) =>
    sources.map(({ source, events }) => ({ consumer: `relay:${service}.${source}`, events })),
  );
  const consumers = groups.flatMap(([, own]) => own.map(({ consumer, events }) => ({ consumer, events })));
  const lag = [...consumers, ...relays, ...sweeps].sort((a, b) =>
    a.consumer < b.consumer ? -1 : a.consumer > b.consumer ? 1 : 0,
  );
  const parked = aside.flatMap(([, own]) => own).filter(({ status }) => status !== 'set_aside');
  return { settled: parked.length === 0 && lag.every(({ events }) => events === 0), lag, parked };
}

/** The ends of all partitions, as text. While it stays the same, no event was added to any of them. */
export function endsOf(lag: Answers['lag']): string {
  const ends = lag.flatMap(([, own]) =>
    own.flatMap(({ consumer, progress }) => progress.map(({ partition, end }) => `${consumer} ${partition} ${end}`)),
  );
  return ends.sort().join('\n');
}

export function mergeChecks(answers: Answers['checks']): { ok: boolean; checks: Check[] } {
  const checks = answers.flatMap(([, { checks: own }]) => own);
  return { ok: checks.every((check) => check.ok), checks };
}
