import { monotonicMs } from '#libs/kernel';

/** Something a service needs before it can serve. */
export interface HealthCheck {
  name: string;
  /** Resolves to true when it is there, or to how many events wait there. A throw or a delay beyond the limit counts as away. */
  ready(): Promise<boolean | Waiting>;
}

/** Events that wait somewhere; more than the limit are too many to serve. */
export interface Waiting {
  readonly events: number;
  readonly limit: number;
}

export interface HealthReport {
  ready: boolean;
  checks: { name: string; ready: boolean; ms: number; events?: number }[];
}

/** Runs all checks at once, each for at most `limitMs`. Says what is away, never why: the reason is for the log. */
export async function checkHealth(checks: readonly HealthCheck[], limitMs = 2_000): Promise<HealthReport> {
  const results = await Promise.all(
    checks.map(async (check) => {
      const started = monotonicMs();
      const found = await within(check.ready(), limitMs).catch(() => false);
      const ms = Math.round(monotonicMs() - started);
      if (typeof found === 'boolean') return { name: check.name, ready: found, ms };
      return { name: check.name, ready: found.events <= found.limit, ms, events: found.events };
    }),
  );
  return { ready: results.every((result) => result.ready), checks: results };
}

async function within(work: Promise<boolean | Waiting>, limitMs: number): Promise<boolean | Waiting> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
