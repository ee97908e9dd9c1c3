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

export interface InvariantsReport {
  asOf: string;
  ok: boolean;
  settled: boolean;
  checks: Check[];
  lag: Lag[];
}

interface Backlog {
  source: string;
  events: number;
}

/** Answers of all services, by their names. */
export interface Answers {
  readonly backlog: readonly (readonly [string, readonly Backlog[]])[];
  readonly lag: readonly (readonly [string, readonly Lag[]])[];
  readonly checks: readonly (readonly [string, { readonly checks: readonly Check[] }])[];
}

/** One report of the whole network. What a service has committed but not sent yet counts as the lag of its relay. */
export function mergeReport(asOf: string, answers: Answers): InvariantsReport {
  const relays = answers.backlog.flatMap(([service, sources]) =>
    sources.map(({ source, events }) => ({ consumer: `relay:${service}.${source}`, events })),
  );
  const lag = [...answers.lag.flatMap(([, groups]) => groups), ...relays].sort((a, b) =>
    a.consumer < b.consumer ? -1 : a.consumer > b.consumer ? 1 : 0,
  );
  const checks = answers.checks.flatMap(([, { checks: own }]) => own);
  return {
    asOf,
    ok: checks.every((check) => check.ok),
    settled: lag.every(({ events }) => events === 0),
    checks,
    lag,
  };
}
