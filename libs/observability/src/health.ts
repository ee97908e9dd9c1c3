import { monotonicMs } from '#libs/kernel';

/** Something a service needs before it can serve. */
export interface HealthCheck {
  name: string;
  /** Resolves to true when it is there. A throw or a delay beyond the limit counts as away. */
  ready(): Promise<boolean>;
}

export interface HealthReport {
  ready: boolean;
  checks: { name: string; ready: boolean; ms: number }[];
}

/** Runs all checks at once, each for at most `limitMs`. Says what is away, never why: the reason is for the log. */
export async function checkHealth(checks: readonly HealthCheck[], limitMs = 2_000): Promise<HealthReport> {
  const results = await Promise.all(
    checks.map(async (check) => {
      const started = monotonicMs();
      const ready = await within(check.ready(), limitMs).catch(() => false);
      return { name: check.name, ready, ms: Math.round(monotonicMs() - started) };
    }),
  );
  return { ready: results.every((result) => result.ready), checks: results };
}

async function within(work: Promise<boolean>, limitMs: number): Promise<boolean> {
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
