/** Result of a case: effects per second, and the latency of one. */
export interface Measured {
  perSecond: number;
  count: number;
  /** Median and 99th percentile of one call, ms. */
  p50: number;
  p99: number;
}

export interface BenchContext {
  /** Superuser URL of the server that pgbench also uses. */
  readonly adminUrl: string;
  /** URL of the ledger's database with the service's role, migrated and filled. */
  readonly ledgerUrl: string;
  readonly seconds: number;
}

/** One row of the table. `target` and `stretch` are ratios to pgbench in the same round; `atMostMs` bounds the median call instead. */
export interface BenchCase {
  readonly name: string;
  readonly target?: number;
  readonly stretch?: number;
  readonly atMostMs?: number;
  run(): Promise<Measured>;
}

/** A group of cases with their resources; built once, measured in every round. */
export interface BenchSuite {
  readonly cases: readonly BenchCase[];
  close(): Promise<void>;
}

/** Keeps `callers` calls in flight for some seconds and counts the effects. */
export async function drive(callers: number, seconds: number, call: () => Promise<void>): Promise<Measured> {
  const started = performance.now();
  const end = started + seconds * 1_000;
  const times: number[] = [];
  const caller = async (): Promise<void> => {
    for (let now = performance.now(); now < end; now = performance.now()) {
      await call();
      times.push(performance.now() - now);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const elapsed = (performance.now() - started) / 1_000;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? 0;
  return { perSecond: times.length / elapsed, count: times.length, p50: at(0.5), p99: at(0.99) };
}
