import { monotonicMs } from '#libs/kernel';

export interface HealthCheck {
  name: string;
  /**
   * Whether calls cannot be answered without it. Other dependencies are reported but leave the service ready: without a broker, events
   * wait.
   */
  needed: boolean;
  /** Resolves to true when it is available, or to the number of waiting events. An exception or a timeout counts as unavailable. */
  ready(): Promise<boolean | Waiting>;
}

/** Waiting events; more than the limit are too many. */
export interface Waiting {
  readonly events: number;
  readonly limit: number;
}

export interface HealthReport {
  ready: boolean;
  checks: { name: string; needed: boolean; ready: boolean; ms: number; events?: number }[];
}

/** Timeout of a check. A dependency that is only reported must not delay the answer about readiness. */
const LIMIT_MS = { needed: 2_000, told: 500 } as const;

/** Runs all checks concurrently. Reports which are unavailable, never why: the reason goes to the log. */
export async function checkHealth(
  checks: readonly HealthCheck[],
  limitMs: Readonly<Record<keyof typeof LIMIT_MS, number>> = LIMIT_MS,
): Promise<HealthReport> {
  const results = await Promise.all(
    checks.map(async (check) => {
      const { name, needed } = check;
      const started = monotonicMs();
      const found = await within(check.ready(), needed ? limitMs.needed : limitMs.told).catch(() => false);
      const ms = Math.round(monotonicMs() - started);
      if (typeof found === 'boolean') return { name, needed, ready: found, ms };
      return { name, needed, ready: found.events <= found.limit, ms, events: found.events };
    }),
  );
  return { ready: results.every(({ needed, ready }) => ready || !needed), checks: results };
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
